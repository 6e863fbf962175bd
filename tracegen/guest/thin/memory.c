// Pages of the thin guest's space.  Each has an entry from the beginning, as after a store to it: nothing faults but what
// is wrong, and a TLB that has not heard of a new entry yet.
#include "program.h"
#include "proc.h"

// Gives `va` a page, whose entry allows `rights`.  -1 when memory is out.
int memory_map(struct space *space, u64 va, u64 page, u64 rights) {
    pte_t *table = table_at(&space->tables, va >> TABLE_SHIFT);
    if (!table && !(table = table_create(space, va >> TABLE_SHIFT)))
        return -1;
    pte_t *entry = table + (va >> PAGE_SHIFT) % TABLE_ENTRIES;
    *entry = page | pte_touched(pte_of(rights), 1);
    entry_added(space, va, entry);
    return 0;
}

// Zeroed pages from `from` up to `to`.  -1 when memory is out.
int memory_fill(struct space *space, u64 from, u64 to) {
    for (u64 va = from; va < to; va += PAGE_BYTES) {
        u64 page = page_alloc_zeroed();
        if (!page || memory_map(space, va, page, MAP_READ | MAP_WRITE))
            return -1;
    }
    return 0;
}

// Grows the heap; with its pages come a table for each TABLE_ENTRIES, and those above.
i64 map_grow(i64 bytes) {
    struct space *space = current->space;
    u64 tables = ((u64)bytes >> TABLE_SHIFT) + 3;
    enter(lock_of(space));
    u64 before = space->heap_end, to = PAGE_UP(before + (u64)bytes);
    int refused = bytes < 0 || (u64)bytes > HEAP_TOP - before ||
                  (PAGE_UP(bytes) >> PAGE_SHIFT) + tables > page_free_count(0) ||
                  memory_fill(space, PAGE_UP(before), to);
    if (!refused)
        space->heap_end = to;
    leave(lock_of(space));
    return refused ? -1 : (i64)before;
}

// A TLB did not know the entry; or it allows no such access.
enum fault vm_fault(struct space *space, u64 va, u64 needs, int) {
    pte_t *table = in_user(va, 1) ? table_at(&space->tables, va >> TABLE_SHIFT) : 0;
    pte_t *entry = table ? table + (va >> PAGE_SHIFT) % TABLE_ENTRIES : 0;
    if (!entry || !(*entry & PTE_PRESENT) || !pte_allows(*entry, needs))
        return FAULT_REFUSED;
    entry_added(space, va, entry);
    return FAULT_RESOLVED;
}

int copy_out(u64 to, const void *from, u64 bytes) {
    return in_user(to, bytes) && !user_copy((void *)to, from, bytes) ? 0 : -1;
}

int copy_in(void *to, u64 from, u64 bytes) {
    return in_user(from, bytes) && !user_copy(to, (const void *)from, bytes) ? 0 : -1;
}
