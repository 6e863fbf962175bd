// What a process's pages are, and what happens when the hardware cannot use an entry.
#include "kernel.h"
#include "space.h"

// Frees every page that table `i` maps.
void vm_unmap(struct space *space, u64 i) {
    pte_t *table = table_at(&space->tables, i);
    struct places used = places_of(space, i);
    for (u64 k = used.from; k < used.to; k++)
        if (table[k] & PTE_PRESENT)
            page_free(pte_page(table[k]));
}

// The entry of `va`, or 0 where its table does not exist.
static pte_t *entry_of(const struct space *space, u64 va) {
    pte_t *table = table_at(&space->tables, va >> TABLE_SHIFT);
    return table ? table + (va >> PAGE_SHIFT) % TABLE_ENTRIES : 0;
}

// Sets the entry of `va`, which was not present, to physical page `page`.  0, or -1 when there is no memory for a table.
int vm_map(struct space *space, u64 va, u64 page, pte_t flags) {
    if (!entry_of(space, va) && !table_create(space, va >> TABLE_SHIFT))
        return -1;
    pte_t *entry = entry_of(space, va);
    *entry = page | flags;
    entry_added(space, va, entry);
    return 0;
}

// First touch of heap, stack or bss: a zeroed page, referenced and dirty from the start.
static enum fault demand_zero(struct space *space, u64 va) {
    if (!(va >= space->zeroed && va < space->heap_end) && !(va >= STACK_LOW && va < USER_TOP))
        return FAULT_REFUSED;
    u64 page = page_alloc_zeroed();
    if (!page)
        return FAULT_NO_MEMORY;
    if (vm_map(space, va, page, PTE_FRESH)) {
        page_free(page);
        return FAULT_NO_MEMORY;
    }
    if (va >= STACK_LOW && PAGE_DOWN(va) < space->stack_low)
        space->stack_low = PAGE_DOWN(va);
    return FAULT_RESOLVED;
}

// First store since a fork: a page of its own, which is the shared one if nobody else holds it any more.
static enum fault copy_on_write(struct space *space, u64 va, pte_t *entry) {
    u64 shared = pte_page(*entry), page = shared;
    if (page_is_shared(shared)) {
        page = page_alloc_copy(shared);
        if (!page)
            return FAULT_NO_MEMORY;
    }
    *entry = page | PTE_FRESH;
    entry_changed(space, va, entry);
    if (page != shared)
        page_free(shared);
    return FAULT_RESOLVED;
}

// The hardware found no usable entry for an access to `va`: brings the page in, copies it, or notes the touch where the
// hardware leaves that to the kernel.
enum fault vm_fault(struct space *space, u64 va, int store) {
    if (va >= USER_TOP)
        return FAULT_REFUSED;
    pte_t *entry = entry_of(space, va);
    if (!entry || !(*entry & PTE_PRESENT))
        return demand_zero(space, va);
    if (store && !pte_is_writable(*entry))
        return FAULT_REFUSED;
    if (store && pte_is_to_copy(*entry))
        return copy_on_write(space, va, entry);
    if (!pte_touch(entry, store))
        return FAULT_REFUSED;
    entry_added(space, va, entry);
    return FAULT_RESOLVED;
}
