// Physical pages: handed out one at a time, counted by reference, and taken back when nobody refers to them.
//
// Fresh pages come from the bottom of untouched RAM; freed ones are linked through their first word and go out first.
// The kernel image, and the program text in it, lie outside: references to their pages are not counted.
#include "announce.h"
#include "kernel.h"

static u64 first, next, top; // physical addresses: the first counted page, the first untouched one, the end
static u64 freed;            // head of the list of freed pages; 0 ends it
static u64 freed_count;
static u16 *references; // by page number from `first`

void page_init(u64 from, u64 end) {
    references = KERNEL(PAGE_UP(from)); // RAM outside the image reads zero
    first = next = PAGE_UP(PAGE_UP(from) + (end - from) / PAGE_BYTES * sizeof *references);
    top = end;
}

u64 page_free_count(void) {
    return freed_count + ((top - next) >> PAGE_SHIFT);
}

static u16 *references_of(u64 page) {
    return references + ((page - first) >> PAGE_SHIFT);
}

// A page of unknown content with one reference: its physical address, or 0 when memory is out.
u64 page_alloc(void) {
    u64 page = freed;
    if (page) {
        freed = *(u64 *)KERNEL(page);
        freed_count--;
    } else if (next < top) {
        page = next;
        next += PAGE_BYTES;
    } else {
        return 0;
    }
    *references_of(page) = 1;
    return page;
}

void page_share(u64 page) {
    if (page >= first)
        ++*references_of(page);
}

int page_is_shared(u64 page) {
    return page < first || *references_of(page) > 1;
}

// Gives up one reference.
void page_free(u64 page) {
    if (page < first || --*references_of(page))
        return;
    *(u64 *)KERNEL(page) = freed;
    freed = page;
    freed_count++;
}

// The loop stores one cache line a turn, as every kernel's does.
static void page_zero(u64 page) {
    ANNOUNCE1(ANNOUNCE_SERVICE_ENTER, SERVICE_PAGE_ZERO);
    for (u64 *p = KERNEL(page), *stop = KERNEL(page + PAGE_BYTES); p != stop; p += 8) {
        p[0] = p[1] = p[2] = p[3] = 0;
        p[4] = p[5] = p[6] = p[7] = 0;
    }
    ANNOUNCE1(ANNOUNCE_ZEROED, page >> PAGE_SHIFT);
    ANNOUNCE0(ANNOUNCE_SERVICE_EXIT);
}

u64 page_alloc_zeroed(void) {
    u64 page = page_alloc();
    if (page)
        page_zero(page);
    return page;
}

// A page with the content of `from`.
u64 page_alloc_copy(u64 from) {
    u64 page = page_alloc();
    if (!page)
        return 0;
    ANNOUNCE1(ANNOUNCE_SERVICE_ENTER, SERVICE_PAGE_COPY);
    const u64 *q = KERNEL(from);
    for (u64 *p = KERNEL(page), *stop = KERNEL(page + PAGE_BYTES); p != stop; p += 8, q += 8) {
        p[0] = q[0], p[1] = q[1], p[2] = q[2], p[3] = q[3];
        p[4] = q[4], p[5] = q[5], p[6] = q[6], p[7] = q[7];
    }
    ANNOUNCE0(ANNOUNCE_SERVICE_EXIT);
    return page;
}
