// The address space: its page table, and what happens when the hardware cannot use an entry.
//
// Page-table entry (8 bytes; EntryLo is the entry shifted right by 6):
//
//   63                      12 11    9   8   7   6    5     4        3         2         1     0
//   physical address of frame   cache  D   V   G   unused  dirty  writable  referenced  cow  present
//
// V and D serve as the soft reference and soft dirty bits' tripwires: they come on at the first touch and at the
// first store.  Tables are written through kseg0 and read by the refill handler through the window.
#include "announce.h"
#include "kernel.h"
#include "param.h"

static pte_t root[ROOT_ENTRIES];
static pte_t absent[TABLE_ENTRIES] __attribute__((aligned(PAGE_BYTES)));
pte_t *page_root = root;

// Entry of a page table page in the root: the window may be read, never stored to.
static pte_t root_entry(u64 page) {
    return page | PTE_CACHED | PTE_VALID | PTE_PRESENT | PTE_REFERENCED;
}

// Creates the space.  Each table that does not exist yet is the same page of zeroes, so that a refill in the window
// always succeeds and loads invalid entries, whose fault arrives with the exact address and the kind of access.
void vm_init(void) {
    ANNOUNCE1(ANNOUNCE_SPACE_CREATE, INIT_SPACE);
    ANNOUNCE2(ANNOUNCE_SPACE_ASID, INIT_SPACE, INIT_ASID);
    for (u64 i = 0; i < ROOT_ENTRIES; i++)
        root[i] = root_entry(PHYSICAL(absent));
    tlb_use(INIT_ASID);
}

// Brings the TLB up to date after the entry of `va` in `table` changed; the pair's other half comes along.
static void refresh(u64 va, const pte_t *table, u64 index) {
    const pte_t *pair = table + (index & ~1UL);
    tlb_update((va & ~(2UL * PAGE_BYTES - 1)) | INIT_ASID, pair[0], pair[1]);
}

// Gives the 2 MiB around `va` a table of their own.  Returns it, or 0 when memory is out.
static pte_t *table_create(u64 va) {
    u64 page = page_alloc_zeroed(), i = va >> TABLE_SHIFT;
    if (!page)
        return 0;
    ANNOUNCE1(ANNOUNCE_SERVICE_ENTER, SERVICE_TABLE_UPDATE);
    ANNOUNCE2(ANNOUNCE_TABLE_ALLOC, page >> PAGE_SHIFT, 0);
    ANNOUNCE4(ANNOUNCE_TABLE_LINK, page >> PAGE_SHIFT, INIT_SPACE, i * TABLE_ENTRIES, 0);
    root[i] = root_entry(page);
    refresh(WINDOW + i * PAGE_BYTES, root, i);
    ANNOUNCE0(ANNOUNCE_SERVICE_EXIT);
    return KERNEL(page);
}

static pte_t *table_of(u64 va) {
    pte_t *table = KERNEL(PAGE_DOWN(root[va >> TABLE_SHIFT]));
    return table == absent ? 0 : table;
}

static u64 index_of(u64 va) {
    return (va >> PAGE_SHIFT) % TABLE_ENTRIES;
}

// Sets the entry of `va`.  0, or -1 when there is no memory for a table.
int vm_map(u64 va, u64 frame, u64 flags) {
    pte_t *table = table_of(va);
    if (!table && !(table = table_create(va)))
        return -1;
    table[index_of(va)] = (frame << PAGE_SHIFT) | PTE_CACHED | flags;
    refresh(va, table, index_of(va));
    return 0;
}

// First touch of heap, stack or bss: a zeroed page, referenced and dirty from the start.
static enum fault demand_zero(u64 va) {
    if (!proc_owns_zeroed(va))
        return FAULT_REFUSED;
    u64 page = page_alloc_zeroed();
    u64 flags = PTE_PRESENT | PTE_WRITABLE | PTE_REFERENCED | PTE_SOFT_DIRTY | PTE_VALID | PTE_DIRTY;
    if (!page || vm_map(va, page >> PAGE_SHIFT, flags))
        return FAULT_NO_MEMORY;
    return FAULT_RESOLVED;
}

// The hardware found no usable entry for an access to `va`: brings the page in, or turns the soft bits that the access
// earns into V and D.
enum fault vm_fault(u64 va, int store) {
    if (va >= USER_TOP)
        return FAULT_REFUSED;
    pte_t *table = table_of(va);
    if (!table || !(table[index_of(va)] & PTE_PRESENT))
        return demand_zero(va);
    if (store && !(table[index_of(va)] & PTE_WRITABLE))
        return FAULT_REFUSED;
    table[index_of(va)] |= PTE_REFERENCED | PTE_VALID | (store ? PTE_SOFT_DIRTY | PTE_DIRTY : 0);
    refresh(va, table, index_of(va));
    return FAULT_RESOLVED;
}
