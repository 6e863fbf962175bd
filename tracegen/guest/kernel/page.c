// Physical pages.  One process runs, and the machine stops with it, so pages are handed out and never come back.
#include "announce.h"
#include "kernel.h"

static u64 next, top; // physical addresses: the first free page, and where RAM for pages ends

void page_init(u64 first, u64 end) {
    next = PAGE_UP(first);
    top = end;
}

u64 page_free_count(void) {
    return (top - next) >> PAGE_SHIFT;
}

// A page of unknown content: its physical address, or 0 when memory is out.
u64 page_alloc(void) {
    if (next >= top)
        return 0;
    u64 page = next;
    next += PAGE_BYTES;
    return page;
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
