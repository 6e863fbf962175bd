// Memory that several spaces map and no file has: which page is where.  Each page is zeroed at its first touch.
#include "space.h"

#define SLOTS (PAGE_BYTES / sizeof(u64))

struct segment { // a page
    u64 references;
    u64 leaf[SLOTS - 1]; // pages with the addresses of SLOTS pages each; 0 for none
};

static_assert(sizeof(struct segment) == PAGE_BYTES, "a segment is a page");

// One that nobody refers to, or 0 when memory is out.
struct segment *segment_create(void) {
    u64 page = page_alloc_zeroed();
    return page ? KERNEL(page) : 0;
}

void segment_hold(struct segment *segment) {
    __atomic_fetch_add(&segment->references, 1, __ATOMIC_RELAXED);
}

void segment_release(struct segment *segment) {
    if (__atomic_sub_fetch(&segment->references, 1, __ATOMIC_ACQ_REL))
        return;
    for (u64 i = 0; i < SLOTS - 1; i++) {
        if (!segment->leaf[i])
            continue;
        const u64 *leaf = KERNEL(segment->leaf[i]);
        for (u64 k = 0; k < SLOTS; k++)
            if (leaf[k])
                page_free(leaf[k]);
        page_free(segment->leaf[i]);
    }
    page_free(PHYSICAL(segment));
}

// Sets `*slot`, if it is 0, to a zeroed page, unless another CPU was faster.  What it is then; 0 when memory is out.
static u64 fill(u64 *slot) {
    u64 page = *slot ? 0 : page_alloc_zeroed();
    enter(pages_lock);
    if (!*slot) {
        *slot = page;
        page = 0;
    }
    leave(pages_lock);
    if (page)
        page_free(page);
    return *slot;
}

// The page at `offset`; 0 when memory is out, or beyond the largest segment.
u64 segment_page(struct segment *segment, u64 offset) {
    u64 i = offset / PAGE_BYTES / SLOTS;
    u64 leaf = i < SLOTS - 1 ? fill(segment->leaf + i) : 0;
    return leaf ? fill((u64 *)KERNEL(leaf) + offset / PAGE_BYTES % SLOTS) : 0;
}
