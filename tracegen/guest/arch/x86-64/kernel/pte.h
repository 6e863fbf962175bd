// Page tables on x86-64, which the hardware walks: four levels, of which level 3 is the root and level 0 has the entries of
// 4 KiB pages.  tracegen/abi_x86_64.py has the bits.
//
// Each space has a root of its own.  Its last entry leads to the kernel's tables, which all spaces share: they map all of
// RAM at KERNEL_BASE, in global pages of 2 MiB.  The hardware notes touches and stores itself, and copy-on-write keeps
// the writable bit off.
#pragma once
#include "cpu.h"
#include "kernel.h"

#define LEVELS 4
#define LEVEL_SHIFT(level) (PAGE_SHIFT + 9 * (level)) // the bytes that an entry of this level maps are 1 << that

#define PTE_TABLE (PTE_PRESENT | PTE_WRITABLE | PTE_USER)
#define PTE_TEXT (PTE_PRESENT | PTE_USER)
#define PTE_KERNEL (PTE_PRESENT | PTE_WRITABLE | PTE_ACCESSED | PTE_DIRTY | PTE_LARGE | PTE_GLOBAL)
#define PTE_PAGE 0x000ffffffffff000UL

// Of a space.
struct tables {
    u64 root; // physical page; 0 for none
};

static inline u64 pte_page(pte_t entry) {
    return entry & PTE_PAGE;
}

// Whether stores are allowed, at once or after a copy.
static inline int pte_is_writable(pte_t entry) {
    return (entry & (PTE_WRITABLE | PTE_COW)) != 0;
}

static inline int pte_is_to_copy(pte_t entry) {
    return (entry & PTE_COW) != 0;
}

// Whether the TLB may hold the entry as one that lets stores pass.
static inline int pte_is_stored_to(pte_t entry) {
    return (entry & PTE_WRITABLE) && (entry & PTE_ACCESSED);
}

// Whether an access that needs MAP_READ, MAP_WRITE or MAP_EXECUTE may pass.
static inline int pte_allows(pte_t entry, u64 needs) {
    return !(needs == MAP_WRITE && !(entry & PTE_WRITABLE)) && !(needs == MAP_EXECUTE && entry & PTE_NO_EXECUTE);
}

// Stores must copy the page from here on.
static inline pte_t pte_shared(pte_t entry) {
    return (entry & ~(pte_t)PTE_WRITABLE) | PTE_COW;
}

// The same page for another space, which has not touched it yet.
static inline pte_t pte_untouched(pte_t entry) {
    return entry & ~(pte_t)(PTE_ACCESSED | PTE_DIRTY);
}

// Whether the entry allows the access, which the hardware refused before another CPU changed it.
static inline int pte_touch(const pte_t *entry, int store) {
    return !store || (*entry & PTE_WRITABLE);
}

// An entry without a page that gives these rights, and was not touched.
static inline pte_t pte_of(u64 rights) {
    return PTE_TEXT | (rights & MAP_WRITE ? PTE_WRITABLE : 0) | (rights & MAP_EXECUTE ? 0 : PTE_NO_EXECUTE);
}

// The same after a load or a store.
static inline pte_t pte_touched(pte_t entry, int store) {
    return entry | PTE_ACCESSED | (store && entry & PTE_WRITABLE ? PTE_DIRTY : 0);
}

static inline int pte_is_dirty(pte_t entry) {
    return (entry & PTE_DIRTY) != 0;
}

// The next store is noted again.
static inline pte_t pte_cleaned(pte_t entry) {
    return entry & ~(pte_t)PTE_DIRTY;
}

static inline int pte_is_touched(pte_t entry) {
    return (entry & PTE_ACCESSED) != 0;
}

// The next touch is noted again.
static inline pte_t pte_aged(pte_t entry) {
    return entry & ~(pte_t)PTE_ACCESSED;
}

// Other rights; stores must copy the page that is not the space's own.
static inline pte_t pte_protected(pte_t entry, u64 rights, int own) {
    entry &= ~(pte_t)(PTE_WRITABLE | PTE_COW | PTE_NO_EXECUTE);
    return entry | (rights & MAP_EXECUTE ? 0 : PTE_NO_EXECUTE) | (rights & MAP_WRITE ? own ? PTE_WRITABLE : PTE_COW : 0);
}

// The entry of this level on the way to `va`, or 0 where the way ends above it.
static inline pte_t *entry_at(const struct tables *tables, u64 va, u64 level) {
    u64 page = tables->root;
    for (u64 at = LEVELS - 1; page; at--) {
        pte_t *entry = (pte_t *)KERNEL(page) + (va >> LEVEL_SHIFT(at)) % TABLE_ENTRIES;
        if (at == level)
            return entry;
        page = pte_page(*entry);
    }
    return 0;
}

// Table `i`, or 0 where it does not exist.
static inline pte_t *table_at(const struct tables *tables, u64 i) {
    const pte_t *entry = entry_at(tables, i << TABLE_SHIFT, 1);
    return entry && *entry && !(*entry & PTE_LARGE) ? KERNEL(pte_page(*entry)) : 0;
}

// The entry that maps the large page around `va`, or 0 where there is none.
static inline pte_t *large_at(const struct tables *tables, u64 va) {
    pte_t *entry = entry_at(tables, va, 1);
    return entry && *entry & PTE_LARGE ? entry : 0;
}

static inline int table_exists(const struct tables *tables, u64 i) {
    return table_at(tables, i) != 0;
}

void tables_init(u64 memory_bytes);
