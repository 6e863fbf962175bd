// Taking pages of files from processes that do without, when memory is short: a hand goes round over all spaces.  What
// was touched since its last turn stays, but the touch is forgotten; what was not is unmapped, and the buffer cache may
// give the page to somebody else.  Pages that no file has stay: there is no place to put them.
#include "announce.h"
#include "buffer.h"
#include "proc.h"
#include "space.h"

#define TAKEN_AT_ONCE 16

static u64 hand;       // the space where the next turn begins
static u64 hand_va;    // and the address there

// Whether the page went.
static int pass(struct space *space, const struct region *region, u64 va, pte_t *entry) {
    if (!buffer_block(pte_page(*entry)))
        return 0;
    if (pte_is_touched(*entry)) {
        *entry = pte_aged(*entry);
        entry_changed(space, va, entry);
        return 0;
    }
    vm_unmap(space, region, va, va + PAGE_BYTES);
    return 1;
}

// Goes on in a space from the hand's address to its end, or until `most` pages went.  How many did.
static u64 sweep(struct space *space, u64 most) {
    u64 taken = 0;
    for (struct region *r = space->region; r < space->region + space->count; r++) {
        if (!r->file || r->high <= hand_va)
            continue;
        u64 va = hand_va > r->low ? hand_va : r->low;
        for (pte_t *entry; taken < most && (entry = vm_next(space, &va, r->high)); va += PAGE_BYTES)
            taken += (u64)pass(space, r, va, entry);
        if (taken == most) {
            hand_va = va;
            break;
        }
    }
    return taken;
}

// Unmaps some pages, in two turns at most.  0 where no process maps a page that could go.  Where each space has a lock of
// its own, one that somebody is inside of is passed over: who looks for memory may be inside one, too.
u64 page_out(void) {
    u64 taken = 0;
    struct guard *guard = locks_are_fine ? &handlock : &memlock;
    enter(guard);
    ANNOUNCE1(ANNOUNCE_SERVICE_ENTER, SERVICE_PAGE_OUT);
    for (u64 n = 0; n <= 2 * MAX_SPACES && taken < TAKEN_AT_ONCE; n++) {
        struct space *space = spaces + hand;
        if (space->id && try_enter(lock_of(space))) {
            taken += sweep(space, TAKEN_AT_ONCE - taken);
            leave(lock_of(space));
        }
        if (taken < TAKEN_AT_ONCE) {
            hand = (hand + 1) % MAX_SPACES;
            hand_va = 0;
        }
    }
    leave(guard);
    ANNOUNCE0(ANNOUNCE_SERVICE_EXIT);
    return taken;
}
