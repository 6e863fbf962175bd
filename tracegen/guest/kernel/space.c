// Address spaces: made, copied at fork, destroyed.
#include "announce.h"
#include "param.h"
#include "space.h"

static struct space spaces[MAX_SPACES];
static u64 created;

// A free place in the table, which gets a number; or MAX_SPACES.
static u64 place(void) {
    u64 i = 0;
    enter(pages_lock);
    while (i < MAX_SPACES && spaces[i].id)
        i++;
    if (i < MAX_SPACES)
        spaces[i].id = ++created;
    leave(pages_lock);
    return i;
}

// An empty space, or 0 if there are too many or memory is out.
struct space *space_create(void) {
    u64 i = place();
    if (i == MAX_SPACES)
        return 0;
    struct space *space = spaces + i;
    space->own.order = memlock.order;
    space->threads = 1;
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
static void share_entry(struct space *from, u64 va, pte_t *old, pte_t *copy) {
    if (!(*old & PTE_PRESENT))
        return;
    page_share(pte_page(*old));
    if (pte_is_writable(*old)) {
        int storing = pte_is_stored_to(*old);
        if (!(*old & PTE_COW))
            *old = pte_shared(*old);
        if (storing)
            entry_changed_here(from, va, old);
    }
    *copy = pte_untouched(*old);
}

// A copy of `from`, page by page on write; 0 when memory or spaces are out.
struct space *space_fork(struct space *from) {
    struct space *space = space_create();
    if (!space)
        return 0;
    enter(lock_of(from));
    space->zeroed = from->zeroed;
    space->heap_end = from->heap_end;
    space->stack_low = from->stack_low;
    for (u64 i = 0; (i = next_table(from, i)) < TABLES; i++) {
        pte_t *old = table_at(&from->tables, i), *copy = table_create(space, i);
        if (!copy) {
            shootdown(from, ALL_ENTRIES);
            leave(lock_of(from));
            space_destroy(space);
            return 0;
        }
        struct places used = places_of(from, i);
        for (u64 k = used.from; k < used.to; k++)
            share_entry(from, (i << TABLE_SHIFT) + (k << PAGE_SHIFT), old + k, copy + k);
    }
    shootdown(from, ALL_ENTRIES);
    leave(lock_of(from));
    return space;
}

// Gives up a thread's part in the space; with the last one it ends.
void space_destroy(struct space *space) {
    struct monitor *monitor = lock_of(space);
    enter(monitor);
    for (u64 i = 0; (i = next_table(space, i)) < TABLES; i++) {
        vm_unmap(space, i);
        table_destroy(space, i);
    }
    tables_destroy(space);
    ANNOUNCE1(ANNOUNCE_SPACE_DESTROY, space->id);
    leave(monitor);
    space->id = 0;
}
