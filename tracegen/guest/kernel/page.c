// Physical pages: handed out one at a time, counted by reference, and taken back when nobody refers to them.
//
// Fresh pages come from the bottom of untouched RAM; those that came back go out first.  What is known of a page lies
// in a table, not in the page: the content of a free page is nobody's.  The kernel's own pages are not counted.
#include "announce.h"
#include "percpu.h"

static u64 first, next, top; // physical addresses: the first counted page, the first untouched one, the end
static u64 freed;            // head of the list of pages that came back; 0 ends it
static u64 freed_large;      // the same for large pages that came back whole
static u64 free_pages;       // on those lists, or untouched
static struct {
    u32 references;
    u32 note; // of a free page the next one's number; of one in use what page_tie says
} *pages;           // by page number from `first`

int pages_are_large;

void page_init(u64 from, u64 end) {
    pages = KERNEL(PAGE_UP(from)); // RAM outside the image reads zero
    first = next = PAGE_UP(PAGE_UP(from) + (end - from) / PAGE_BYTES * sizeof *pages);
    top = end;
    free_pages = ((top - next) >> PAGE_SHIFT) - (next < HOLE && HOLE < top);
}

static u64 index_of(u64 page) {
    return (page - first) >> PAGE_SHIFT;
}

// Pages that page_alloc could give if the buffer cache gave `more` back.
u64 page_free_count(u64 more) {
    return free_pages + more > RESERVED_PAGES ? free_pages + more - RESERVED_PAGES : 0;
}

// Puts a page on the list of free ones.
static void push(u64 page) {
    pages[index_of(page)].note = (u32)(freed >> PAGE_SHIFT);
    freed = page;
}

// The next of the large pages that came back; 0 for none.
static u64 pop_large(void) {
    u64 page = freed_large;
    if (page)
        freed_large = (u64)pages[index_of(page)].note << PAGE_SHIFT;
    return page;
}

// Where nothing else is left, a large page becomes small ones.
static void break_up(void) {
    u64 page = freed || next < top ? 0 : pop_large();
    for (u64 end = page + LARGE_BYTES; page && page < end; page += PAGE_BYTES)
        push(page);
}

static void take(u64 page) {
    if (page == freed)
        freed = (u64)pages[index_of(page)].note << PAGE_SHIFT;
    else if ((next += PAGE_BYTES) == HOLE)
        next += PAGE_BYTES;
    free_pages--;
    pages[index_of(page)].references = 1;
    pages[index_of(page)].note = 0;
}

// A page of unknown content with one reference: its physical address, or 0 when no more than `keep` are free.
u64 page_take(u64 keep) {
    enter(pages_lock);
    break_up();
    u64 page = free_pages <= keep ? 0 : freed ? freed : next;
    if (page)
        take(page);
    leave(pages_lock);
    return page;
}

// Ties a number other than 0 to a page in use; or 0, for none.
void page_tie(u64 page, u64 note) {
    pages[index_of(page)].note = (u32)note;
}

// That number, or 0.
u64 page_tied(u64 page) {
    return pages[index_of(page)].note;
}

// Whether there is memory, beyond what the buffer cache must have: it gives up what it need not have, and processes
// give up pages of it that they do without.
static int is_available(void) {
    while (free_pages <= RESERVED_PAGES)
        if (!buffer_give_back() && !page_out())
            return 0;
    return 1;
}

// A page of unknown content with one reference, or 0 when memory is out.
u64 page_alloc(void) {
    u64 page;
    while (!(page = page_take(RESERVED_PAGES)) && is_available())
        ;
    return page;
}

void page_share(u64 page) {
    enter(pages_lock);
    pages[index_of(page)].references++;
    leave(pages_lock);
}

int page_is_shared(u64 page) {
    return pages[index_of(page)].references > 1;
}

static void put_back(u64 page) {
    push(page);
    free_pages++;
    ANNOUNCE1(ANNOUNCE_FREED, page >> PAGE_SHIFT);
}

// Gives up one reference.
void page_free(u64 page) {
    enter(pages_lock);
    if (--pages[index_of(page)].references == 0)
        put_back(page);
    leave(pages_lock);
}

// The first large page of memory that was never used; what lies before it goes out as small ones.
static u64 next_large(void) {
    u64 page = (next + LARGE_BYTES - 1) & ~(LARGE_BYTES - 1);
    if (page + LARGE_BYTES > top)
        return 0;
    for (; next < page; next += PAGE_BYTES)
        push(next);
    next += LARGE_BYTES;
    return page;
}

// Pages next to each other that one entry can map, each with one reference; 0 where there are none.
u64 page_alloc_large(void) {
    u64 page = 0;
    enter(pages_lock);
    if (free_pages > LARGE_PAGES + RESERVED_PAGES && ((page = pop_large()) || (page = next_large()))) {
        free_pages -= LARGE_PAGES;
        for (u64 i = index_of(page), end = i + LARGE_PAGES; i < end; i++)
            pages[i].references = 1, pages[i].note = 0;
    }
    leave(pages_lock);
    return page;
}

// Takes all of them back, to whom nobody else refers.
void page_free_large(u64 page) {
    enter(pages_lock);
    pages[index_of(page)].note = (u32)(freed_large >> PAGE_SHIFT);
    freed_large = page;
    free_pages += LARGE_PAGES;
    for (u64 end = page + LARGE_BYTES; page < end; page += PAGE_BYTES) {
        pages[index_of(page)].references = 0;
        ANNOUNCE1(ANNOUNCE_FREED, page >> PAGE_SHIFT);
    }
    leave(pages_lock);
}

// The loop stores one cache line a turn, as every kernel's does.
void page_zero(u64 page) {
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
