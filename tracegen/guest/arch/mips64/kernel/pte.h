// Page tables on MIPS64, which the kernel walks itself when the TLB misses.
//
// Page-table entry (8 bytes; EntryLo is the entry shifted right by 6):
//
//   63                      12 11    9   8   7   6    5     4        3         2         1     0
//   physical address of frame   cache  D   V   G   unused  dirty  writable  referenced  cow  present
//
// V and D serve as the soft reference and soft dirty bits' tripwires: they come on at the first touch and at the
// first store.  Copy-on-write keeps D off, too.
//
// The page table of a space has two levels.  Its root holds one entry per table page, and table page i shows in the
// window, mapped kernel space that is read by the refill handler and by nobody else, at WINDOW + (i << 12).  Each table
// that does not exist yet is the same page of zeroes, so that a refill in the window always succeeds and loads invalid
// entries, whose fault arrives with the exact address.  Tables are written through xkphys.
#pragma once
#include "kernel.h"
#include "param.h"

#define PTE_TEXT (PTE_CACHED | PTE_PRESENT)
#define PTE_DATA (PTE_TEXT | PTE_WRITABLE)
#define PTE_TOUCHED (PTE_REFERENCED | PTE_VALID)
#define PTE_STORED (PTE_SOFT_DIRTY | PTE_DIRTY)

// Of a space.
struct tables {
    struct name {
        u64 asid;       // a TLB's name for the space, while `generation` is that CPU's present one
        u64 generation;
    } name[MAX_CPUS];
    pte_t *root;        // entry of each table page
};

extern pte_t absent_table[]; // what every table that does not exist is

static inline pte_t absent_entry(void) {
    return PHYSICAL(absent_table) | PTE_CACHED | PTE_VALID | PTE_PRESENT | PTE_REFERENCED;
}

static inline u64 pte_page(pte_t entry) {
    return PAGE_DOWN(entry);
}

static inline int pte_is_writable(pte_t entry) {
    return (entry & PTE_WRITABLE) != 0;
}

// Whether a store must copy the page first.  One to a page that was never touched comes here twice.
static inline int pte_is_to_copy(pte_t entry) {
    return (entry & PTE_COW) && (entry & PTE_REFERENCED);
}

// Whether the TLB may hold the entry as one that lets stores pass.
static inline int pte_is_stored_to(pte_t entry) {
    return (entry & PTE_DIRTY) != 0;
}

// Whether an access that needs MAP_READ, MAP_WRITE or MAP_EXECUTE may pass.
static inline int pte_allows(pte_t entry, u64 needs) {
    return needs != MAP_WRITE || pte_is_writable(entry);
}

// Stores must copy the page from here on.
static inline pte_t pte_shared(pte_t entry) {
    return (entry & ~(pte_t)PTE_DIRTY) | PTE_COW;
}

// The same page for another space, which has not referenced it yet.
static inline pte_t pte_untouched(pte_t entry) {
    return entry & ~(pte_t)(PTE_TOUCHED | PTE_STORED);
}

// Turns the soft bits that an access earns into V and D.  0 where that is not what stood against it.
static inline int pte_touch(pte_t *entry, int store) {
    *entry |= PTE_TOUCHED | (store && !(*entry & PTE_COW) ? PTE_STORED : 0);
    return 1;
}

// An entry without a page that gives these rights, and was not touched.  What can be read can be executed, too.
static inline pte_t pte_of(u64 rights) {
    return rights & MAP_WRITE ? PTE_DATA : PTE_TEXT;
}

// The same after a load or a store.
static inline pte_t pte_touched(pte_t entry, int store) {
    pte_touch(&entry, store && entry & PTE_WRITABLE);
    return entry;
}

static inline int pte_is_dirty(pte_t entry) {
    return (entry & PTE_SOFT_DIRTY) != 0;
}

// The next store is noted again.
static inline pte_t pte_cleaned(pte_t entry) {
    return entry & ~(pte_t)PTE_STORED;
}

static inline int pte_is_touched(pte_t entry) {
    return (entry & PTE_REFERENCED) != 0;
}

// The next touch is noted again.
static inline pte_t pte_aged(pte_t entry) {
    return entry & ~(pte_t)PTE_TOUCHED;
}

// Other rights; stores must copy the page that is not the space's own.
static inline pte_t pte_protected(pte_t entry, u64 rights, int own) {
    entry &= ~(pte_t)(PTE_WRITABLE | PTE_COW | PTE_DIRTY);
    return entry | (rights & MAP_WRITE ? PTE_WRITABLE | (own ? 0 : PTE_COW) : 0);
}

static inline int table_exists(const struct tables *tables, u64 i) {
    return tables->root[i] != absent_entry();
}

// Table `i`, or 0 where it does not exist.
static inline pte_t *table_at(const struct tables *tables, u64 i) {
    return table_exists(tables, i) ? KERNEL(pte_page(tables->root[i])) : 0;
}
