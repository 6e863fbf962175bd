// Spinlocks and guards; lock.h says which there are.
#include "announce.h"
#include "percpu.h"

enum { ORDER_PROCESSES, ORDER_FUTEXES, ORDER_FILES, ORDER_NET, ORDER_SPACES, ORDER_HAND, ORDER_BUFFERS, ORDER_PAGES, ORDER_DISK };

struct guard proclock = {.order = ORDER_PROCESSES}, futexlock = {.order = ORDER_FUTEXES};
struct guard filelock = {.order = ORDER_FILES}, netlock = {.order = ORDER_NET}, memlock = {.order = ORDER_SPACES}, disklock = {.order = ORDER_DISK};
struct guard handlock = {.order = ORDER_HAND};
static struct guard bufferlock = {.order = ORDER_BUFFERS}, pagelock = {.order = ORDER_PAGES};
struct guard *buffers_lock = &memlock, *pages_lock = &memlock;
int locks_are_fine;

// Spaces, buffers and pages get locks of their own.  Nobody holds one yet.
void locks_divide(void) {
    locks_are_fine = 1;
    buffers_lock = &bufferlock;
    pages_lock = &pagelock;
}

static int try(struct lock *lock) {
    u64 free = 0;
    return __atomic_compare_exchange_n(&lock->holder, &free, this_cpu()->number + 1, 0, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
}

static void spin(struct lock *lock) {
    ANNOUNCE1(ANNOUNCE_SERVICE_ENTER, SERVICE_SPIN);
    ANNOUNCE2(ANNOUNCE_LOCK_TRY, lock, 1);
    do
        while (__atomic_load_n(&lock->holder, __ATOMIC_RELAXED))
            spin_wait();
    while (!try(lock));
    ANNOUNCE0(ANNOUNCE_SERVICE_EXIT);
}

void lock_take(struct lock *lock) {
    ANNOUNCE2(ANNOUNCE_LOCK_TRY, lock, 0);
    if (!try(lock))
        spin(lock);
    ANNOUNCE1(ANNOUNCE_LOCK_ACQUIRE, lock);
}

void lock_give(struct lock *lock) {
    ANNOUNCE1(ANNOUNCE_LOCK_RELEASE, lock);
    __atomic_store_n(&lock->holder, 0, __ATOMIC_RELEASE);
}

// Puts a guard that was taken at its place among those that this CPU is in.
static void hold(struct held *held, struct guard *guard, u64 depth) {
    u64 i = held->count++;
    if (i == MAX_HELD)
        panic("too many guards", 0);
    for (; i && held->at[i - 1].guard->order > guard->order; i--)
        held->at[i] = held->at[i - 1];
    held->at[i].guard = guard;
    held->at[i].depth = depth;
}

// Gives up the last of them from place `from` on.
static void give_from(struct held *held, u64 from) {
    for (u64 i = held->count; i > from; i--)
        lock_give(&held->at[i - 1].guard->lock);
    held->count = from;
}

static void take(struct guard *guard, u64 depth) {
    lock_take(&guard->lock);
    hold(&this_cpu()->held, guard, depth);
}

void enter(struct guard *guard) {
    struct held *held = &this_cpu()->held, later;
    u64 at = held->count;
    later.count = 0;
    for (u64 i = 0; i < held->count; i++)
        if (held->at[i].guard == guard) {
            held->at[i].depth++;
            return;
        }
    while (at && held->at[at - 1].guard->order > guard->order)
        hold(&later, held->at[at - 1].guard, held->at[at - 1].depth), at--;
    give_from(held, at);
    take(guard, 1);
    take_back_guards(&later);
}

// Enters if that takes no waiting: so the order does not matter.
int try_enter(struct guard *guard) {
    struct held *held = &this_cpu()->held;
    for (u64 i = 0; i < held->count; i++)
        if (held->at[i].guard == guard) {
            held->at[i].depth++;
            return 1;
        }
    ANNOUNCE2(ANNOUNCE_LOCK_TRY, guard, 0);
    if (!try(&guard->lock))
        return 0;
    ANNOUNCE1(ANNOUNCE_LOCK_ACQUIRE, guard);
    hold(held, guard, 1);
    return 1;
}

void leave(struct guard *guard) {
    struct held *held = &this_cpu()->held;
    u64 at = held->count - 1;
    while (held->at[at].guard != guard)
        at--;
    if (--held->at[at].depth)
        return;
    lock_give(&guard->lock);
    for (held->count--; at < held->count; at++)
        held->at[at] = held->at[at + 1];
}

// Before a sleep, and after it, perhaps on another CPU.
void give_up_guards(struct held *kept) {
    struct held *held = &this_cpu()->held;
    for (u64 i = 0; i < held->count; i++)
        kept->at[i] = held->at[i];
    kept->count = held->count;
    give_from(held, 0);
}

void take_back_guards(const struct held *kept) {
    for (u64 i = 0; i < kept->count; i++)
        take(kept->at[i].guard, kept->at[i].depth);
}
