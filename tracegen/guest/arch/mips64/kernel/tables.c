// Page tables and the TLB: tables come and go, entries change, spaces are named and chosen.
#include "announce.h"
#include "param.h"
#include "space.h"
#include "tlb.h"

pte_t absent_table[TABLE_ENTRIES] __attribute__((aligned(PAGE_BYTES)));
static pte_t roots[MAX_SPACES][TABLES];
pte_t *page_root = roots[0];
static u64 generation = 1, next_asid = 1;

// Entry of a page table page in the root: the window may be read, never stored to.
static pte_t root_entry(u64 page) {
    return page | PTE_CACHED | PTE_VALID | PTE_PRESENT | PTE_REFERENCED;
}

// Root number `place` becomes the space's, if it has none.  One that was used before is all absent again.
int tables_create(struct space *space, u64 place) {
    space->tables.generation = 0;
    if (space->tables.root)
        return 0;
    space->tables.root = roots[place];
    for (u64 k = 0; k < TABLES; k++)
        roots[place][k] = absent_entry();
    return 0;
}

// The root stays.  Nothing runs in the space: what the TLB still holds names no space.
void tables_destroy(struct space *) {
}

// Brings the TLB up to date after `*entry`, which maps `va`, changed; the pair's other half comes along.  Only the
// current space can be in the TLB under a number that is in use.
void entry_changed(const struct space *space, u64 va, const pte_t *entry) {
    const pte_t *pair = (const pte_t *)((u64)entry & ~(2UL * PTE_BYTES - 1));
    if (space == space_current)
        tlb_update((va & ~(2UL * PAGE_BYTES - 1)) | space->tables.asid, pair[0], pair[1]);
}

// The TLB may hold an entry that was not present, because its pair was.
void entry_added(const struct space *space, u64 va, const pte_t *entry) {
    entry_changed(space, va, entry);
}

static void set_root(struct space *space, u64 i, u64 page) {
    space->tables.root[i] = root_entry(page);
    entry_changed(space, WINDOW + i * PAGE_BYTES, space->tables.root + i);
}

// Gives the 2 MiB from i << TABLE_SHIFT up a table of their own.  Returns it, or 0 when memory is out.
pte_t *table_create(struct space *space, u64 i) {
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

// Frees table `i`, which maps nothing that is in use.  The space runs no more.
void table_destroy(struct space *space, u64 i) {
    u64 page = pte_page(space->tables.root[i]);
    space->tables.root[i] = absent_entry();
    ANNOUNCE1(ANNOUNCE_SERVICE_ENTER, SERVICE_TABLE_UPDATE);
    ANNOUNCE1(ANNOUNCE_TABLE_UNLINK, page >> PAGE_SHIFT);
    ANNOUNCE1(ANNOUNCE_TABLE_FREE, page >> PAGE_SHIFT);
    ANNOUNCE0(ANNOUNCE_SERVICE_EXIT);
    page_free(page);
}

// Names `space` in the TLB.  When all numbers are used up, every space loses its own: the TLB is emptied, and each gets
// a new number when it next runs.
static void asid_assign(struct space *space) {
    if (next_asid == ASIDS) {
        tlb_flush();
        generation++;
        next_asid = 1;
    }
    space->tables.asid = next_asid++;
    space->tables.generation = generation;
    ANNOUNCE2(ANNOUNCE_SPACE_ASID, space->id, space->tables.asid);
}

// User addresses mean those of `space` from here on.
void space_use(struct space *space) {
    if (space->tables.generation != generation)
        asid_assign(space);
    space_current = space;
    page_root = space->tables.root;
    tlb_use(space->tables.asid);
}
