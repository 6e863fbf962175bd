// Large pages.  Each has the page of its table with it, all zeroes and tied to its first page, so that it can be split
// into small ones when there is no memory for one.
#include "large.h"
#include "announce.h"

// The table that a large page has with it is the caller's.
static u64 untie(u64 page) {
    u64 table = page_tied(page) << PAGE_SHIFT;
    page_tie(page, 0);
    return table;
}

// Maps the large page around `va`, zeroed, if the region has all of it and none is there.  Whether it did.
int large_map(struct space *space, const struct region *region, u64 va) {
    va &= ~(LARGE_BYTES - 1);
    if (va < region->from || va + LARGE_BYTES > region->to)
        return 0;
    pte_t *entry = entry_create(space, va, 1);
    if (!entry || *entry)
        return 0;
    u64 page = page_alloc_large(), table = page ? page_alloc_zeroed() : 0;
    if (page && !table)
        page_free_large(page);
    if (!table)
        return 0;
    for (u64 at = page; at < page + LARGE_BYTES; at += PAGE_BYTES)
        page_zero(at);
    page_tie(page, table >> PAGE_SHIFT);
    *entry = page | PTE_LARGE | pte_touched(pte_of(region->flags), 1);
    entry_added(space, va, entry);
    return 1;
}

// The large page around `va` becomes small ones, with the same rights.
void large_split(struct space *space, u64 va) {
    va &= ~(LARGE_BYTES - 1);
    pte_t *entry = large_at(&space->tables, va), flags = *entry & ~(pte_t)(PTE_LARGE | PTE_PAGE);
    u64 page = pte_page(*entry), table = untie(page);
    ANNOUNCE1(ANNOUNCE_SERVICE_ENTER, SERVICE_TABLE_UPDATE);
    announce_table(table, space->id, va, 0);
    for (u64 i = 0; i < TABLE_ENTRIES; i++)
        ((pte_t *)KERNEL(table))[i] = (page + i * PAGE_BYTES) | flags;
    *entry = table | PTE_TABLE;
    ANNOUNCE0(ANNOUNCE_SERVICE_EXIT);
    entry_changed(space, va, entry);
}

// Takes the process the large page at `va`.
void large_unmap(struct space *space, u64 va) {
    pte_t *entry = large_at(&space->tables, va);
    u64 page = pte_page(*entry);
    *entry = 0;
    entry_changed(space, va, entry);
    page_free(untie(page));
    page_free_large(page);
}
