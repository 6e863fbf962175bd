// System calls that map memory and files, change what may be done with them, and undo it.
#include "buffer.h"
#include "file.h"
#include "fs.h"
#include "proc.h"
#include "space.h"

#define RIGHTS (MAP_READ | MAP_WRITE | MAP_EXECUTE)

// Whether the kernel may promise that much memory.
int memory_can_be(u64 bytes) {
    return PAGE_UP(bytes) >> PAGE_SHIFT <= page_free_count(buffer_pages());
}

// What `descriptor` stands for, for a region.  -1 where it cannot be mapped so.
static int use_file(struct region *made, u64 descriptor) {
    const struct file *file = file_of(descriptor);
    if (!file || file->kind != IN_FILE || !(file->flags & OPEN_READ) || !inode_can_map(file->inode))
        return -1;
    made->file = file->inode;
    made->bytes = made->to; // to the region's end, which is its length as yet
    if (made->flags & MAP_SHARED && !(file->flags & OPEN_WRITE))
        made->flags |= REGION_PROTECTED;
    return made->flags & MAP_WRITE && made->flags & REGION_PROTECTED ? -1 : 0;
}

// `where` is the offset in a file, a multiple of pages, with the file's descriptor + 1 in the low bits; 0 for zeroes.
i64 map_create(u64 bytes, u64 flags, u64 where) {
    struct region made = {.to = PAGE_UP(bytes), .flags = flags, .offset = PAGE_DOWN(where)};
    if (!bytes || bytes > USER_TOP || !(flags & MAP_READ) || flags & ~(u64)(RIGHTS | MAP_SHARED))
        return -1;
    if (where % PAGE_BYTES ? use_file(&made, where % PAGE_BYTES - 1) : where || !memory_can_be(bytes))
        return -1;
    if (!made.file && flags & MAP_SHARED && !(made.segment = segment_create()))
        return -1;
    struct space *space = current->space;
    enter(lock_of(space));
    made.from = region_place(space, made.to);
    made.to += made.from;
    const struct region *added = made.from ? region_add(space, &made) : 0;
    leave(lock_of(space));
    if (added)
        return (i64)made.from;
    if (made.segment) {
        segment_hold(made.segment);
        segment_release(made.segment);
    }
    return -1;
}

// Makes [from, to) begin and end with a region's.  -1 where that cannot be.
static int cut(u64 from, u64 to) {
    if (from % PAGE_BYTES || from >= to)
        return -1;
    return region_split(current->space, from) || region_split(current->space, to) ? -1 : 0;
}

// Gives up the tables from `from` to `to` that no region needs any more.
static void drop_tables(struct space *space, u64 from, u64 to) {
    for (u64 i = from >> TABLE_SHIFT; i << TABLE_SHIFT < to; i++)
        if (table_exists(&space->tables, i) && !region_within(space, i << TABLE_SHIFT, (i + 1) << TABLE_SHIFT))
            table_destroy(space, i, 1);
}

i64 map_remove(u64 from, u64 bytes) {
    u64 to = from + PAGE_UP(bytes);
    struct space *space = current->space;
    enter(lock_of(space));
    int failed = !in_user(from, bytes) || cut(from, to);
    for (struct region *r; !failed && (r = region_within(space, from, to));) {
        struct region taken;
        vm_unmap(space, r, r->low, r->high);
        region_take(space, r, &taken);
        drop_tables(space, taken.low, taken.high);
        region_release(&taken);
    }
    leave(lock_of(space));
    return failed ? -1 : 0;
}

// Entries that are there already allow what the region allows from here on.
static void protect(struct space *space, const struct region *region) {
    pte_t *entry;
    for (u64 va = region->low; (entry = vm_next(space, &va, region->high)); va += PAGE_BYTES) {
        int own = region->flags & MAP_SHARED || !page_is_shared(pte_page(*entry));
        *entry = pte_protected(*entry, region->flags, own);
        entry_changed(space, va, entry);
    }
}

// Whether all of [from, to) is mapped, and may be allowed `rights`.
static int can_protect(struct space *space, u64 from, u64 to, u64 rights) {
    for (; from < to; from = region_at(space, from)->to) {
        const struct region *r = region_at(space, from);
        if (!r || (rights & MAP_WRITE && r->flags & REGION_PROTECTED))
            return 0;
    }
    return 1;
}

i64 map_protect(u64 from, u64 bytes, u64 rights) {
    u64 to = from + PAGE_UP(bytes);
    struct space *space = current->space;
    enter(lock_of(space));
    int failed = !(rights & MAP_READ) || rights & ~(u64)RIGHTS || !in_user(from, bytes) ||
                 !can_protect(space, PAGE_DOWN(from), to, rights) || cut(from, to);
    for (struct region *r = failed ? 0 : region_at(space, from); r && r < space->region + space->count && r->from < to; r++) {
        r->flags = (r->flags & ~(u64)RIGHTS) | rights;
        protect(space, r);
    }
    leave(lock_of(space));
    return failed ? -1 : 0;
}

// Puts what the process stored to a page of a shared file on the disk.  -1 where it has no page.
static int sync_page(struct space *space, u64 va) {
    const struct region *r = region_at(space, va);
    if (!r)
        return -1;
    vm_harvest(space, r, va, va + PAGE_BYTES);
    const pte_t *entry = vm_next(space, &(u64){va}, va + PAGE_BYTES);
    if (entry)
        buffer_write(pte_page(*entry));
    return 0;
}

// The same for all pages from `from` on.
i64 map_sync(u64 from, u64 bytes) {
    struct space *space = current->space;
    int failed = !in_user(from, bytes) || from % PAGE_BYTES;
    enter(lock_of(space));
    for (u64 va = from; !failed && va < from + bytes; va += PAGE_BYTES)
        failed = sync_page(space, va);
    leave(lock_of(space));
    return failed ? -1 : 0;
}

// The cache learns of all stores to files that any process made.
void map_harvest(void) {
    for (struct space *space = spaces; space < spaces + MAX_SPACES; space++) {
        if (!space->id)
            continue;
        enter(lock_of(space));
        for (struct region *r = space->region; r < space->region + space->count; r++)
            if (r->file && r->flags & MAP_SHARED)
                vm_harvest(space, r, r->low, r->high);
        leave(lock_of(space));
    }
}

// The heap: the region that ends where the heap does, if the process has not unmapped it.
static struct region *heap_of(struct space *space) {
    for (struct region *r = space->region; r < space->region + space->count; r++)
        if (r->to == space->heap_end && !r->file && !r->segment)
            return r;
    return 0;
}

// Grows the heap.  Memory is promised only while there are that many pages, free or in the buffer cache; it is given at
// the first touch.
i64 map_grow(i64 bytes) {
    struct space *space = current->space;
    enter(lock_of(space));
    struct region *heap = heap_of(space);
    u64 before = space->heap_end, to = PAGE_UP(before + (u64)bytes);
    int refused = bytes < 0 || (u64)bytes > HEAP_TOP - before || !memory_can_be((u64)bytes) || !heap ||
                  region_within(space, before, to);
    if (!refused)
        space->heap_end = heap->to = to;
    leave(lock_of(space));
    return refused ? -1 : (i64)before;
}
