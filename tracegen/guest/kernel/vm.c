// The page table: its entries, and what happens when the hardware cannot use one.
//
// Page-table entry (8 bytes; EntryLo is the entry shifted right by 6):
//
//   63                      12 11    9   8   7   6    5     4        3         2         1     0
//   physical address of frame   cache  D   V   G   unused  dirty  writable  referenced  cow  present
//
// V and D serve as the soft reference and soft dirty bits' tripwires: they come on at the first touch and at the
// first store.  Copy-on-write keeps D off, too.  Tables are written through kseg0 and read by the refill handler
// through the window.
#include "announce.h"
#include "kernel.h"
#include "space.h"

#define TOUCHED (PTE_REFERENCED | PTE_VALID)
#define STORED (PTE_SOFT_DIRTY | PTE_DIRTY)

pte_t absent_table[TABLE_ENTRIES] __attribute__((aligned(PAGE_BYTES)));

// Entry of a page table page in the root: the window may be read, never stored to.
static pte_t root_entry(u64 page) {
    return page | PTE_CACHED | PTE_VALID | PTE_PRESENT | PTE_REFERENCED;
}

// Brings the TLB up to date after `*entry`, which maps `va`, changed; the pair's other half comes along.  Only the
// current space can be in the TLB under a number that is in use.
void vm_refresh(const struct space *space, u64 va, const pte_t *entry) {
    const pte_t *pair = (const pte_t *)((u64)entry & ~(2UL * PTE_BYTES - 1));
    if (space == space_current)
        tlb_update((va & ~(2UL * PAGE_BYTES - 1)) | space->asid, pair[0], pair[1]);
}

static void set_root(struct space *space, u64 i, u64 page) {
    space->root[i] = root_entry(page);
    vm_refresh(space, WINDOW + i * PAGE_BYTES, space->root + i);
}

// Gives the 2 MiB from i << TABLE_SHIFT up a table of their own.  Returns it, or 0 when memory is out.
pte_t *vm_table_create(struct space *space, u64 i) {
    u64 page = page_alloc_zeroed();
    if (!page)
        return 0;
    ANNOUNCE1(ANNOUNCE_SERVICE_ENTER, SERVICE_TABLE_UPDATE);
    ANNOUNCE2(ANNOUNCE_TABLE_ALLOC, page >> PAGE_SHIFT, 0);
    ANNOUNCE4(ANNOUNCE_TABLE_LINK, page >> PAGE_SHIFT, space->id, i * TABLE_ENTRIES, 0);
    set_root(space, i, page);
    ANNOUNCE0(ANNOUNCE_SERVICE_EXIT);
    return KERNEL(page);
}

// Frees table `i` with every page that it maps.  Its space runs no more: what the TLB still holds names no space.
void vm_table_destroy(struct space *space, u64 i) {
    u64 page = PAGE_DOWN(space->root[i]);
    pte_t *table = KERNEL(page);
    struct places used = places_of(space, i);
    for (u64 k = used.from; k < used.to; k++)
        if (table[k] & PTE_PRESENT)
            page_free(PAGE_DOWN(table[k]));
    space->root[i] = root_entry(PHYSICAL(absent_table));
    ANNOUNCE1(ANNOUNCE_SERVICE_ENTER, SERVICE_TABLE_UPDATE);
    ANNOUNCE1(ANNOUNCE_TABLE_UNLINK, page >> PAGE_SHIFT);
    ANNOUNCE1(ANNOUNCE_TABLE_FREE, page >> PAGE_SHIFT);
    ANNOUNCE0(ANNOUNCE_SERVICE_EXIT);
    page_free(page);
}

// The entry of `va`, or 0 where its table does not exist.
static pte_t *entry_of(const struct space *space, u64 va) {
    pte_t *table = KERNEL(PAGE_DOWN(space->root[va >> TABLE_SHIFT]));
    return table == absent_table ? 0 : table + (va >> PAGE_SHIFT) % TABLE_ENTRIES;
}

// Sets the entry of `va` to physical page `page`.  0, or -1 when there is no memory for a table.
int vm_map(struct space *space, u64 va, u64 page, u64 flags) {
    if (!entry_of(space, va) && !vm_table_create(space, va >> TABLE_SHIFT))
        return -1;
    pte_t *entry = entry_of(space, va);
    *entry = page | PTE_CACHED | flags;
    vm_refresh(space, va, entry);
    return 0;
}

// First touch of heap, stack or bss: a zeroed page, referenced and dirty from the start.
static enum fault demand_zero(struct space *space, u64 va) {
    if (!(va >= space->zeroed && va < space->heap_end) && !(va >= STACK_LOW && va < USER_TOP))
        return FAULT_REFUSED;
    u64 page = page_alloc_zeroed();
    if (!page)
        return FAULT_NO_MEMORY;
    if (vm_map(space, va, page, PTE_PRESENT | PTE_WRITABLE | TOUCHED | STORED)) {
        page_free(page);
        return FAULT_NO_MEMORY;
    }
    if (va >= STACK_LOW && PAGE_DOWN(va) < space->stack_low)
        space->stack_low = PAGE_DOWN(va);
    return FAULT_RESOLVED;
}

// First store since a fork: a page of its own, which is the shared one if nobody else holds it any more.
static enum fault copy_on_write(struct space *space, u64 va, pte_t *entry) {
    u64 shared = PAGE_DOWN(*entry), page = shared;
    if (page_is_shared(shared)) {
        page = page_alloc_copy(shared);
        if (!page)
            return FAULT_NO_MEMORY;
        page_free(shared);
    }
    *entry = page | PTE_CACHED | PTE_PRESENT | PTE_WRITABLE | TOUCHED | STORED;
    vm_refresh(space, va, entry);
    return FAULT_RESOLVED;
}

// The hardware found no usable entry for an access to `va`: brings the page in, copies it, or turns the soft bits that
// the access earns into V and D.  A store to a shared page that was never touched comes here twice.
enum fault vm_fault(struct space *space, u64 va, int store) {
    if (va >= USER_TOP)
        return FAULT_REFUSED;
    pte_t *entry = entry_of(space, va);
    if (!entry || !(*entry & PTE_PRESENT))
        return demand_zero(space, va);
    if (store && !(*entry & PTE_WRITABLE))
        return FAULT_REFUSED;
    if (store && (*entry & PTE_COW) && (*entry & PTE_REFERENCED))
        return copy_on_write(space, va, entry);
    *entry |= TOUCHED | (store && !(*entry & PTE_COW) ? STORED : 0);
    vm_refresh(space, va, entry);
    return FAULT_RESOLVED;
}
