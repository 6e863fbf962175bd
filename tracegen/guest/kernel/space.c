// Address spaces: made, copied at fork, destroyed, and named in the TLB.
#include "announce.h"
#include "param.h"
#include "space.h"

static struct space spaces[MAX_SPACES];
static pte_t roots[MAX_SPACES][ROOT_ENTRIES];
static u64 created, generation = 1, next_asid = 1;
struct space *space_current;
pte_t *page_root = roots[0];

static pte_t absent_entry(void) {
    return PHYSICAL(absent_table) | PTE_CACHED | PTE_VALID | PTE_PRESENT | PTE_REFERENCED;
}

// An empty space, or 0 if there are too many.  Each table that does not exist yet is the same page of zeroes, so that a
// refill in the window always succeeds and loads invalid entries, whose fault arrives with the exact address.
struct space *space_create(void) {
    u64 i = 0;
    while (i < MAX_SPACES && spaces[i].id)
        i++;
    if (i == MAX_SPACES)
        return 0;
    struct space *space = spaces + i;
    if (!space->root) { // a root that was used before is all absent again
        space->root = roots[i];
        for (u64 k = 0; k < ROOT_ENTRIES; k++)
            roots[i][k] = absent_entry();
    }
    space->id = ++created;
    space->generation = 0;
    space->zeroed = space->heap_end = 0;
    space->stack_low = USER_TOP;
    ANNOUNCE1(ANNOUNCE_SPACE_CREATE, space->id);
    return space;
}

// Tables lie below the heap's end and at the stack, nowhere between.
u64 next_table(const struct space *space, u64 i) {
    for (; i < ROOT_ENTRIES; i++) {
        if (i > space->heap_end >> TABLE_SHIFT && i < STACK_LOW >> TABLE_SHIFT)
            i = STACK_LOW >> TABLE_SHIFT;
        if (space->root[i] != absent_entry())
            return i;
    }
    return ROOT_ENTRIES;
}

struct places places_of(const struct space *space, u64 i) {
    struct places all = {0, TABLE_ENTRIES};
    if (i == STACK_LOW >> TABLE_SHIFT)
        all.from = TABLE_ENTRIES - ((USER_TOP - space->stack_low) >> PAGE_SHIFT);
    else if (i == space->heap_end >> TABLE_SHIFT)
        all.to = (space->heap_end >> PAGE_SHIFT) % TABLE_ENTRIES;
    return all;
}

// Both sides get the page, neither may store to it.  The copy has not referenced it yet.
static void share_entry(const struct space *from, u64 va, pte_t *old, pte_t *copy) {
    if (!(*old & PTE_PRESENT))
        return;
    page_share(PAGE_DOWN(*old));
    if (*old & PTE_WRITABLE) {
        int storing = (*old & PTE_DIRTY) != 0;
        if (!(*old & PTE_COW))
            *old = (*old & ~(pte_t)PTE_DIRTY) | PTE_COW;
        if (storing)
            vm_refresh(from, va, old);
    }
    *copy = *old & ~(pte_t)(PTE_VALID | PTE_REFERENCED | PTE_SOFT_DIRTY);
}

// A copy of `from`, page by page on write; 0 when memory or spaces are out.
struct space *space_fork(const struct space *from) {
    struct space *space = space_create();
    if (!space)
        return 0;
    space->zeroed = from->zeroed;
    space->heap_end = from->heap_end;
    space->stack_low = from->stack_low;
    for (u64 i = 0; (i = next_table(from, i)) < ROOT_ENTRIES; i++) {
        pte_t *old = KERNEL(PAGE_DOWN(from->root[i])), *copy = vm_table_create(space, i);
        if (!copy) {
            space_destroy(space);
            return 0;
        }
        struct places used = places_of(from, i);
        for (u64 k = used.from; k < used.to; k++)
            share_entry(from, (i << TABLE_SHIFT) + (k << PAGE_SHIFT), old + k, copy + k);
    }
    return space;
}

void space_destroy(struct space *space) {
    for (u64 i = 0; (i = next_table(space, i)) < ROOT_ENTRIES; i++)
        vm_table_destroy(space, i);
    ANNOUNCE1(ANNOUNCE_SPACE_DESTROY, space->id);
    space->id = 0;
    if (space_current == space)
        space_current = 0;
}

// Names `space` in the TLB.  When all numbers are used up, every space loses its own: the TLB is emptied, and each gets
// a new number when it next runs.
static void asid_assign(struct space *space) {
    if (next_asid == ASIDS) {
        tlb_flush();
        generation++;
        next_asid = 1;
    }
    space->asid = next_asid++;
    space->generation = generation;
    ANNOUNCE2(ANNOUNCE_SPACE_ASID, space->id, space->asid);
}

// User addresses mean those of `space` from here on.
void space_use(struct space *space) {
    if (space->generation != generation)
        asid_assign(space);
    space_current = space;
    page_root = space->root;
    tlb_use(space->asid);
}
