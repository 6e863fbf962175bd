// Address spaces: made, copied at fork, destroyed.
#include "announce.h"
#include "space.h"

struct space spaces[MAX_SPACES];
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
    space->heap_end = space->count = 0;
    ANNOUNCE1(ANNOUNCE_SPACE_CREATE, space->id);
    if (tables_create(space, i) == 0)
        return space;
    space_destroy(space);
    return 0;
}

// Both sides get the page; where stores are private, neither may store to it.
static void share_entry(struct space *from, const struct region *region, u64 va, pte_t *old, pte_t *copy) {
    page_share(pte_page(*old));
    if (!(region->flags & MAP_SHARED) && pte_is_writable(*old)) {
        int storing = pte_is_stored_to(*old);
        if (!(*old & PTE_COW))
            *old = pte_shared(*old);
        if (storing)
            entry_changed_here(from, va, old);
    }
    *copy = pte_untouched(*old);
}

// 0, or -1 when there is no memory for a table.
static int share_region(struct space *from, struct region *region, struct space *to) {
    pte_t *old;
    for (u64 va = region->low; (old = vm_next(from, &va, region->high)); va += PAGE_BYTES) {
        pte_t *table = table_at(&to->tables, va >> TABLE_SHIFT);
        if (!table && !(table = table_create(to, va >> TABLE_SHIFT)))
            return -1;
        if (*old & PTE_PRESENT) // making the table may have taken the page
            share_entry(from, region, va, old, table + (va >> PAGE_SHIFT) % TABLE_ENTRIES);
    }
    return 0;
}

static int share_regions(struct space *from, struct space *to) {
    to->heap_end = from->heap_end;
    for (u64 i = 0; i < from->count; i++) {
        struct region *r = region_add(to, from->region + i);
        r->low = from->region[i].low;
        r->high = from->region[i].high;
        if (share_region(from, from->region + i, to))
            return -1;
    }
    return 0;
}

// A copy of `from`, page by page on write; 0 when memory or spaces are out.
struct space *space_fork(struct space *from) {
    struct space *space = space_create();
    if (!space)
        return 0;
    enter(lock_of(from));
    int failed = share_regions(from, space);
    shootdown(from, ALL_ENTRIES);
    leave(lock_of(from));
    if (!failed)
        return space;
    space_destroy(space);
    return 0;
}

// Frees all that a space has.  Its pages go first, before anybody sleeps; its root last, since who sleeps comes back to
// it.
void space_destroy(struct space *space) {
    struct guard *guard = lock_of(space);
    enter(guard);
    for (struct region *r = space->region; r < space->region + space->count; r++)
        vm_abandon(space, r);
    for (struct region *r = space->region; r < space->region + space->count; r++)
        for (u64 i = r->low >> TABLE_SHIFT; i << TABLE_SHIFT < r->high; i++)
            if (table_exists(&space->tables, i))
                table_destroy(space, i, 0);
    while (space->count)
        region_release(space->region + --space->count);
    tables_destroy(space);
    ANNOUNCE1(ANNOUNCE_SPACE_DESTROY, space->id);
    leave(guard);
    space->id = 0;
}
