// Address spaces: made, copied at fork, destroyed.
#include "announce.h"
#include "param.h"
#include "space.h"

static struct space spaces[MAX_SPACES];
static u64 created;
struct space *space_current;

// An empty space, or 0 if there are too many or memory is out.
struct space *space_create(void) {
    u64 i = 0;
    while (i < MAX_SPACES && spaces[i].id)
        i++;
    if (i == MAX_SPACES)
        return 0;
    struct space *space = spaces + i;
    space->id = ++created;
    space->zeroed = space->heap_end = 0;
    space->stack_low = USER_TOP;
    ANNOUNCE1(ANNOUNCE_SPACE_CREATE, space->id);
    if (tables_create(space, i) == 0)
        return space;
    space_destroy(space);
    return 0;
}

// The first table from number `i` on that exists, or TABLES.  They lie below the heap's end and at the stack, nowhere
// between.
static u64 next_table(const struct space *space, u64 i) {
    for (; i < TABLES; i++) {
        if (i > space->heap_end >> TABLE_SHIFT && i < STACK_LOW >> TABLE_SHIFT)
            i = STACK_LOW >> TABLE_SHIFT;
        if (table_exists(&space->tables, i))
            return i;
    }
    return TABLES;
}

struct places places_of(const struct space *space, u64 i) {
    struct places all = {0, TABLE_ENTRIES};
    if (i == STACK_LOW >> TABLE_SHIFT)
        all.from = TABLE_ENTRIES - ((USER_TOP - space->stack_low) >> PAGE_SHIFT);
    else if (i == space->heap_end >> TABLE_SHIFT)
        all.to = (space->heap_end >> PAGE_SHIFT) % TABLE_ENTRIES;
    return all;
}

// Both sides get the page, neither may store to it.
static void share_entry(const struct space *from, u64 va, pte_t *old, pte_t *copy) {
    if (!(*old & PTE_PRESENT))
        return;
    page_share(pte_page(*old));
    if (pte_is_writable(*old)) {
        int storing = pte_is_stored_to(*old);
        if (!(*old & PTE_COW))
            *old = pte_shared(*old);
        if (storing)
            entry_changed(from, va, old);
    }
    *copy = pte_untouched(*old);
}

// A copy of `from`, page by page on write; 0 when memory or spaces are out.
struct space *space_fork(const struct space *from) {
    struct space *space = space_create();
    if (!space)
        return 0;
    space->zeroed = from->zeroed;
    space->heap_end = from->heap_end;
    space->stack_low = from->stack_low;
    for (u64 i = 0; (i = next_table(from, i)) < TABLES; i++) {
        pte_t *old = table_at(&from->tables, i), *copy = table_create(space, i);
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
    for (u64 i = 0; (i = next_table(space, i)) < TABLES; i++) {
        vm_unmap(space, i);
        table_destroy(space, i);
    }
    tables_destroy(space);
    ANNOUNCE1(ANNOUNCE_SPACE_DESTROY, space->id);
    space->id = 0;
    if (space_current == space)
        space_current = 0;
}
