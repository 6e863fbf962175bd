// The regions of a space: found, added, split and taken out.  They lie in the order of their addresses.
#include "fs.h"
#include "space.h"

// The region that has `va`, or 0.
struct region *region_at(struct space *space, u64 va) {
    return region_within(space, va, va + 1);
}

// The first region that has an address from `from` up to `to`, or 0.
struct region *region_within(struct space *space, u64 from, u64 to) {
    for (struct region *r = space->region; r < space->region + space->count; r++)
        if (r->to > from && r->from < r->to)
            return r->from < to ? r : 0;
    return 0;
}

// The highest address below HEAP_TOP with nothing in `bytes` from there on; 0 for none.
u64 region_place(struct space *space, u64 bytes) {
    u64 end = HEAP_TOP;
    for (struct region *r = space->region + space->count; r-- > space->region; end = end < r->from ? end : r->from)
        if (r->to <= end && end - r->to >= bytes)
            return end - bytes;
    return 0;
}

static struct region *insert(struct space *space, const struct region *made) {
    if (space->count == MAX_REGIONS)
        return 0;
    struct region *r = space->region + space->count++;
    for (; r > space->region && r[-1].from > made->from; r--)
        memcpy(r, r - 1, sizeof *r);
    memcpy(r, made, sizeof *r);
    return r;
}

// Adds a region where nothing is, and no page yet.  0 when there are too many.
struct region *region_add(struct space *space, const struct region *made) {
    enter(lock_of(space)); // who looks for memory goes through all spaces
    struct region *r = insert(space, made);
    if (r) {
        r->low = r->to;
        r->high = r->from;
        region_hold(r);
    }
    leave(lock_of(space));
    return r;
}

// Makes two regions of one that `at` is inside of.  -1 when there are too many.
int region_split(struct space *space, u64 at) {
    struct region *r = region_at(space, at);
    if (!r || r->from == at)
        return 0;
    struct region upper;
    u64 below = at - r->from;
    memcpy(&upper, r, sizeof upper);
    upper.from = at;
    upper.offset += below;
    upper.bytes = r->bytes > below ? r->bytes - below : 0;
    upper.low = upper.low > at ? upper.low : at;
    if (!insert(space, &upper))
        return -1;
    region_hold(&upper);
    r->to = at;
    r->high = r->high < at ? r->high : at;
    return 0;
}

// Takes a region out of the list, for region_release.
void region_take(struct space *space, struct region *region, struct region *taken) {
    memcpy(taken, region, sizeof *taken);
    for (space->count--; region < space->region + space->count; region++)
        memcpy(region, region + 1, sizeof *region);
}

void region_hold(const struct region *region) {
    if (region->file)
        inode_map(inode_share(region->file), region->flags & REGION_PROGRAM);
    if (region->segment)
        segment_hold(region->segment);
}

// A file without a name goes with the last region that has it, which may take a while.
void region_release(const struct region *region) {
    if (region->file) {
        enter(&filelock);
        inode_unmap(region->file, region->flags & REGION_PROGRAM);
        inode_put(region->file);
        leave(&filelock);
    }
    if (region->segment)
        segment_release(region->segment);
}
