// Locks: what keeps CPUs apart.
//
// A spinlock is held for a few instructions.  A monitor is held for a whole entry into a part of the kernel: it is a
// spinlock that its holder may enter again, and that a sleep gives up for its time.  So inside one nothing of its part
// changes but what the holder changes itself, up to the next sleep.  To enter an earlier monitor from inside a later one
// gives up the later one for a moment, as a sleep does: nobody holds one and waits for another that comes before it.
//
// Order: proclock, futexlock, filelock, a space's, the buffers', the pages', disklock; then the spinlocks sleeplock and
// a CPU's queue; then those of console and shootdown, which are the last.
//
// By default one monitor, memlock, is that of all spaces, of the buffers and of the pages: it is what CPUs wait for.  The
// boot option locks=fine gives each its own.  The kernel takes no interrupts, so that an interrupt's handler may enter a
// monitor like a system call; who spins looks after requests of other CPUs (shootdown.c).
#pragma once
#include "types.h"

struct lock {
    u64 holder; // number of the CPU that holds it, plus 1; 0: free
};

struct monitor {
    struct lock lock;
    u64 order;
};

// The monitors that somebody is in, in their order, and how many times each was entered.
#define MAX_HELD 6
struct held {
    u64 count;
    struct {
        struct monitor *monitor;
        u64 depth;
    } at[MAX_HELD];
};

extern struct monitor proclock, futexlock, filelock, memlock, disklock;
extern struct monitor *buffers_lock, *pages_lock; // memlock or their own
extern int locks_are_fine;

void lock_init(int fine);
void lock_take(struct lock *lock);
void lock_give(struct lock *lock);
void enter(struct monitor *monitor);
void leave(struct monitor *monitor);
void give_up_monitors(struct held *kept);
void take_back_monitors(const struct held *kept);
