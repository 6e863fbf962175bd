// Spinlocks and monitors; lock.h says which there are.
#include "announce.h"
#include "percpu.h"

enum { ORDER_PROCESSES, ORDER_FUTEXES, ORDER_FILES, ORDER_SPACES, ORDER_BUFFERS, ORDER_PAGES, ORDER_DISK };

struct monitor proclock = {.order = ORDER_PROCESSES}, futexlock = {.order = ORDER_FUTEXES};
struct monitor filelock = {.order = ORDER_FILES}, memlock = {.order = ORDER_SPACES}, disklock = {.order = ORDER_DISK};
static struct monitor bufferlock = {.order = ORDER_BUFFERS}, pagelock = {.order = ORDER_PAGES};
struct monitor *buffers_lock = &memlock, *pages_lock = &memlock;
int locks_are_fine;

// Chooses the locks of memory.  Nobody holds one yet.
void lock_init(int fine) {
    locks_are_fine = fine;
    if (fine) {
        buffers_lock = &bufferlock;
        pages_lock = &pagelock;
    }
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

// Puts a monitor that was taken at its place among those that this CPU is in.
static void hold(struct held *held, struct monitor *monitor, u64 depth) {
    u64 i = held->count++;
    if (i == MAX_HELD)
        panic("too many monitors", 0);
    for (; i && held->at[i - 1].monitor->order > monitor->order; i--)
        held->at[i] = held->at[i - 1];
    held->at[i].monitor = monitor;
    held->at[i].depth = depth;
}

// Gives up the last of them from place `from` on.
static void give_from(struct held *held, u64 from) {
    for (u64 i = held->count; i > from; i--)
        lock_give(&held->at[i - 1].monitor->lock);
    held->count = from;
}

static void take(struct monitor *monitor, u64 depth) {
    lock_take(&monitor->lock);
    hold(&this_cpu()->held, monitor, depth);
}

void enter(struct monitor *monitor) {
    struct held *held = &this_cpu()->held, later;
    u64 at = held->count;
    later.count = 0;
    for (u64 i = 0; i < held->count; i++)
        if (held->at[i].monitor == monitor) {
            held->at[i].depth++;
            return;
        }
    while (at && held->at[at - 1].monitor->order > monitor->order)
        hold(&later, held->at[at - 1].monitor, held->at[at - 1].depth), at--;
    give_from(held, at);
    take(monitor, 1);
    take_back_monitors(&later);
}

void leave(struct monitor *monitor) {
    struct held *held = &this_cpu()->held;
    u64 at = held->count - 1;
    while (held->at[at].monitor != monitor)
        at--;
    if (--held->at[at].depth)
        return;
    lock_give(&monitor->lock);
    for (held->count--; at < held->count; at++)
        held->at[at] = held->at[at + 1];
}

// Before a sleep, and after it, perhaps on another CPU.
void give_up_monitors(struct held *kept) {
    struct held *held = &this_cpu()->held;
    for (u64 i = 0; i < held->count; i++)
        kept->at[i] = held->at[i];
    kept->count = held->count;
    give_from(held, 0);
}

void take_back_monitors(const struct held *kept) {
    for (u64 i = 0; i < kept->count; i++)
        take(kept->at[i].monitor, kept->at[i].depth);
}
