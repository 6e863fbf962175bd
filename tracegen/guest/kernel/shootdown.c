// Shootdown: other CPUs are made to forget what a space's entries were, before anyone relies on it.
//
// Only CPUs that use the space are interrupted; where a TLB has names for spaces, one that does not loses the name.  The
// kernel takes no interrupts: who is in it hears of the request where it waits for a lock, or at its end.
#include "announce.h"
#include "percpu.h"
#include "space.h"

static struct lock one_at_a_time;
static struct space *target;
static u64 entry; // address of the page whose entry changed, or ALL_ENTRIES, or NO_SPACE

// The other CPUs that use `space`, by bit.
static u64 users_of(const struct space *space) {
    u64 users = 0;
    for (u64 i = 0; i < cpu_count; i++)
        if (i != this_cpu()->number && __atomic_load_n(&cpus[i].space, __ATOMIC_SEQ_CST) == space)
            users |= 1UL << i;
    return users;
}

// Returns when no other CPU goes on with an old entry of `space` for `va`.
void shootdown(struct space *space, u64 va) {
    if (cpu_count == 1)
        return;
    space_unname(space);
    u64 users = users_of(space);
    if (!users)
        return;
    ANNOUNCE1(ANNOUNCE_SERVICE_ENTER, SERVICE_SHOOTDOWN);
    lock_take(&one_at_a_time);
    target = space;
    entry = va;
    for (u64 i = 0; i < cpu_count; i++)
        if (users >> i & 1) {
            __atomic_store_n(&cpus[i].shot, 1, __ATOMIC_RELEASE);
            ipi_send(i);
        }
    for (u64 i = 0; i < cpu_count; i++)
        while (users >> i & 1 && __atomic_load_n(&cpus[i].shot, __ATOMIC_ACQUIRE))
            spin_wait();
    lock_give(&one_at_a_time);
    ANNOUNCE0(ANNOUNCE_SERVICE_EXIT);
}

// Another CPU waits for this one.
void shootdown_serve(void) {
    ANNOUNCE1(ANNOUNCE_SERVICE_ENTER, SERVICE_SHOOTDOWN);
    if (this_cpu()->space == target)
        space_forget(target, entry);
    __atomic_store_n(&this_cpu()->shot, 0, __ATOMIC_RELEASE);
    ANNOUNCE0(ANNOUNCE_SERVICE_EXIT);
}
