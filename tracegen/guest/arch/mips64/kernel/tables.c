// Page tables and the TLB: tables come and go, entries change, spaces are named and chosen.
#include "announce.h"
#include "percpu.h"
#include "space.h"
#include "tlb.h"

pte_t absent_table[TABLE_ENTRIES] __attribute__((aligned(PAGE_BYTES)));
static pte_t roots[MAX_SPACES][TABLES];

// What the CPU needs before anything else.
void arch_init(u64) {
    struct cpu_arch *arch = &this_cpu()->arch;
    arch->root = roots[0];
    arch->generation = arch->next_asid = 1;
    tlb_init();
}

// A CPU that was started.
void cpu_init(struct cpu *) {
    arch_init(0);
}

// Entry of a page table page in the root: the window may be read, never stored to.
static pte_t root_entry(u64 page) {
    return page | PTE_CACHED | PTE_VALID | PTE_PRESENT | PTE_REFERENCED;
}

// Root number `place` becomes the space's, if it has none.  One that was used before is all absent again.
int tables_create(struct space *space, u64 place) {
    for (u64 i = 0; i < MAX_CPUS; i++)
        space->tables.name[i].generation = 0;
    if (space->tables.root)
        return 0;
    space->tables.root = roots[place];
    for (u64 k = 0; k < TABLES; k++)
        roots[place][k] = absent_entry();
    return 0;
}

// The root stays.  Nothing runs in the space: what TLBs still hold names no space, also on CPUs that are idle in it.
void tables_destroy(struct space *space) {
    for (u64 i = 0; i < cpu_count; i++) {
        struct space *expected = space;
        __atomic_compare_exchange_n(&cpus[i].space, &expected, 0, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    }
}

static struct name *name_here(struct space *space) {
    return space->tables.name + this_cpu()->number;
}

// Brings this CPU's TLB up to date after `*entry`, which maps `va`, changed; the pair's other half comes along.  A space
// that is not current gets a new number before it is.
void entry_changed_here(struct space *space, u64 va, const pte_t *entry) {
    const pte_t *pair = (const pte_t *)((u64)entry & ~(2UL * PTE_BYTES - 1));
    if (space == this_cpu()->space)
        tlb_update((va & ~(2UL * PAGE_BYTES - 1)) | name_here(space)->asid, pair[0], pair[1]);
    else
        name_here(space)->generation = 0;
}

// The TLB may hold an entry that was not present, because its pair was.  Another CPU's faults once more.
void entry_added(struct space *space, u64 va, const pte_t *entry) {
    entry_changed_here(space, va, entry);
}

// On no other CPU the space's number is good any more: there it gets a new one before it is next used.
void space_unname(struct space *space) {
    for (u64 i = 0; i < cpu_count; i++)
        if (i != this_cpu()->number)
            space->tables.name[i].generation = 0;
}

// Another CPU changed entries of the space, and took its number here.
void space_forget(struct space *space, u64) {
    space_use(space);
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

// Frees table `i`, which maps nothing that is in use, of a space that may go on running.
void table_destroy(struct space *space, u64 i, int goes_on) {
    u64 page = pte_page(space->tables.root[i]);
    ANNOUNCE1(ANNOUNCE_SERVICE_ENTER, SERVICE_TABLE_UPDATE);
    space->tables.root[i] = absent_entry();
    if (goes_on)
        entry_changed(space, WINDOW + i * PAGE_BYTES, space->tables.root + i);
    ANNOUNCE1(ANNOUNCE_TABLE_UNLINK, page >> PAGE_SHIFT);
    ANNOUNCE1(ANNOUNCE_TABLE_FREE, page >> PAGE_SHIFT);
    ANNOUNCE0(ANNOUNCE_SERVICE_EXIT);
    page_free(page);
}

// Names `space` in this CPU's TLB.  When all numbers are used up, every space loses its own: the TLB is emptied, and each gets
// a new number when it next runs.
static void asid_assign(struct space *space) {
    struct cpu_arch *arch = &this_cpu()->arch;
    if (arch->next_asid == ASIDS) {
        tlb_flush();
        arch->generation++;
        arch->next_asid = 1;
    }
    *name_here(space) = (struct name){.asid = arch->next_asid++, .generation = arch->generation};
    ANNOUNCE2(ANNOUNCE_SPACE_ASID, space->id, name_here(space)->asid);
}

// User addresses mean those of `space` on this CPU from here on.
void space_use(struct space *space) {
    struct cpu *cpu = this_cpu();
    __atomic_store_n(&cpu->space, space, __ATOMIC_SEQ_CST); // from here on others send word of what they change
    if (name_here(space)->generation != cpu->arch.generation)
        asid_assign(space);
    cpu->arch.root = space->tables.root;
    tlb_use(name_here(space)->asid);
}
