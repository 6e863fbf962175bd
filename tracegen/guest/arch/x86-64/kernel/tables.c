// Page tables: the kernel's own, and those of spaces, which come and go with what they map.
#include "announce.h"
#include "percpu.h"
#include "space.h"

#define KERNEL_ROOT_INDEX ((KERNEL_BASE >> LEVEL_SHIFT(3)) % TABLE_ENTRIES)

extern char text_end[]; // kernel.ld

// One of each level, but that what would be of level 0 is of level 1, too: it maps memory from the second GB on.
static pte_t kernel_tables[LEVELS][TABLE_ENTRIES] __attribute__((aligned(PAGE_BYTES)));

// Says that a page, all zeroes, is the table of `level` on the way to `va`.  The kernel's are those of space 0.
void announce_table(u64 page, u64 space, u64 va, u64 level) {
    u64 pages = LEVEL_SHIFT(level + 1) - PAGE_SHIFT;
    ANNOUNCE2(ANNOUNCE_TABLE_ALLOC, page >> PAGE_SHIFT, level);
    ANNOUNCE4(ANNOUNCE_TABLE_LINK, page >> PAGE_SHIFT, space, va >> PAGE_SHIFT >> pages << pages, level);
}

// The table `table` of `level` comes to be, on the way to `va`.
static void begin_table(pte_t *table, u64 va, u64 level) {
    page_zero(PHYSICAL(table));
    announce_table(PHYSICAL(table), 0, va, level);
}

static void name_table(pte_t *table, u64 va, u64 above) {
    kernel_tables[above][(va >> LEVEL_SHIFT(above)) % TABLE_ENTRIES] =
        PHYSICAL(table) | PTE_PRESENT | PTE_WRITABLE | PTE_ACCESSED;
}

// Maps RAM from `at` on, as much as one table of level 1 can.
static void map_memory(pte_t *directory, u64 at, u64 memory_bytes) {
    for (u64 i = 0; i < TABLE_ENTRIES && at < memory_bytes; i++, at += 1UL << LEVEL_SHIFT(1))
        directory[i] = at | PTE_KERNEL | (at < PHYSICAL(text_end) ? 0 : PTE_NO_EXECUTE);
}

// Maps all of RAM at KERNEL_BASE; the pages behind the kernel's text are not executable.
void tables_init(u64 memory_bytes) {
    u64 second = 1UL << LEVEL_SHIFT(2);
    for (u64 level = LEVELS - 1; level > 0; level--)
        begin_table(kernel_tables[level], level == LEVELS - 1 ? 0 : KERNEL_BASE, level);
    for (u64 level = LEVELS - 1; level > 1; level--)
        name_table(kernel_tables[level - 1], KERNEL_BASE, level);
    map_memory(kernel_tables[1], 0, memory_bytes);
    if (memory_bytes > second) {
        begin_table(kernel_tables[0], KERNEL_BASE + second, 1);
        name_table(kernel_tables[0], KERNEL_BASE + second, 2);
        map_memory(kernel_tables[0], second, memory_bytes);
    }
    use_root(PHYSICAL(kernel_tables[LEVELS - 1]));
}

// The space gets a root, which leads to the kernel's tables.  0, or -1 when memory is out.
int tables_create(struct space *space, u64) {
    u64 page = space->tables.root = page_alloc_zeroed();
    if (!page)
        return -1;
    ANNOUNCE1(ANNOUNCE_SERVICE_ENTER, SERVICE_TABLE_UPDATE);
    announce_table(page, space->id, 0, LEVELS - 1);
    ((pte_t *)KERNEL(page))[KERNEL_ROOT_INDEX] = kernel_tables[LEVELS - 1][KERNEL_ROOT_INDEX];
    ANNOUNCE0(ANNOUNCE_SERVICE_EXIT);
    return 0;
}

// Gives `*entry` a table of `level` on the way to `va`.  0, or -1 when memory is out.
static int grow(const struct space *space, pte_t *entry, u64 va, u64 level) {
    u64 page = page_alloc_zeroed();
    if (!page)
        return -1;
    ANNOUNCE1(ANNOUNCE_SERVICE_ENTER, SERVICE_TABLE_UPDATE);
    announce_table(page, space->id, va, level);
    *entry = page | PTE_TABLE;
    ANNOUNCE0(ANNOUNCE_SERVICE_EXIT);
    return 0;
}

static void table_free(u64 page) {
    ANNOUNCE1(ANNOUNCE_TABLE_UNLINK, page >> PAGE_SHIFT);
    ANNOUNCE1(ANNOUNCE_TABLE_FREE, page >> PAGE_SHIFT);
    ANNOUNCE0(ANNOUNCE_SERVICE_EXIT);
    page_free(page);
}

// Frees the table to which `*entry` leads.
static void cut(pte_t *entry) {
    u64 page = pte_page(*entry);
    ANNOUNCE1(ANNOUNCE_SERVICE_ENTER, SERVICE_TABLE_UPDATE);
    *entry = 0;
    table_free(page);
}

// The entry of `level` on the way to `va`, with the tables above it that are missing; 0 when memory is out.
pte_t *entry_create(const struct space *space, u64 va, u64 level) {
    for (u64 above = LEVELS - 1; above > level; above--) {
        pte_t *entry = entry_at(&space->tables, va, above);
        if (!*entry && grow(space, entry, va, above - 1))
            return 0;
    }
    return entry_at(&space->tables, va, level);
}

// Gives the 2 MiB from i << TABLE_SHIFT up a table of their own.  Returns it, or 0 when memory is out.
pte_t *table_create(struct space *space, u64 i) {
    return entry_create(space, i << TABLE_SHIFT, 0);
}

// Frees table `i`, which maps nothing that is in use, of a space that may go on running.
void table_destroy(struct space *space, u64 i, int goes_on) {
    pte_t *entry = entry_at(&space->tables, i << TABLE_SHIFT, 1);
    u64 page = pte_page(*entry);
    ANNOUNCE1(ANNOUNCE_SERVICE_ENTER, SERVICE_TABLE_UPDATE);
    *entry = 0;
    if (goes_on)
        entry_changed(space, i << TABLE_SHIFT, entry);
    table_free(page);
}

// Frees the tables above those, and the root.  CPUs that were idle in the space use the kernel's from here on.
void tables_destroy(struct space *space) {
    if (!space->tables.root)
        return;
    space_forget(space, NO_SPACE);
    shootdown(space, NO_SPACE);
    for (u64 level = 2; level < LEVELS; level++)
        for (u64 va = 0; va < USER_TOP; va += 1UL << LEVEL_SHIFT(level)) {
            pte_t *entry = entry_at(&space->tables, va, level);
            if (entry && *entry)
                cut(entry);
        }
    ANNOUNCE1(ANNOUNCE_SERVICE_ENTER, SERVICE_TABLE_UPDATE);
    table_free(space->tables.root);
    space->tables.root = 0;
}

// Makes this CPU's TLB forget what the entry of `va` was.  It holds entries of the current space only.
void entry_changed_here(struct space *space, u64 va, const pte_t *) {
    space_forget(space, va);
}

// The TLB holds no entry that was not present.
void entry_added(struct space *, u64, const pte_t *) {
}

// A space has no name on CPUs that do not use it.
void space_unname(struct space *) {
}

// Makes this CPU's TLB forget an entry of the space, or all, or the space itself.
void space_forget(struct space *space, u64 va) {
    struct cpu *cpu = this_cpu();
    if (space != cpu->space)
        return;
    if (va == NO_SPACE) {
        use_root(PHYSICAL(kernel_tables[LEVELS - 1]));
        __atomic_store_n(&cpu->space, 0, __ATOMIC_RELEASE);
    } else if (va == ALL_ENTRIES) {
        use_root(space->tables.root);
    } else {
        invalidate_page(va);
    }
}

// User addresses mean those of `space` on this CPU from here on.
void space_use(struct space *space) {
    struct cpu *cpu = this_cpu();
    if (space == cpu->space)
        return;
    __atomic_store_n(&cpu->space, space, __ATOMIC_SEQ_CST); // from here on others send word of what they change
    use_root(space->tables.root);
}
