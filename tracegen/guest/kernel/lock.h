// Locks: what keeps CPUs apart.
//
// A spinlock is held for a few instructions.  A guard is held for a whole entry into a part of the kernel: it is a
// spinlock that its holder may enter again, and that a sleep gives up for its time.  So inside one nothing of its part
// changes but what the holder changes itself, up to the next sleep.  To enter an earlier guard from inside a later one
// gives up the later one for a moment, as a sleep does: nobody holds one and waits for another that comes before it.
//
// Order: proclock, futexlock, filelock, netlock, a space's, handlock (pageout.c), the buffers', the pages', disklock; then the
// spinlocks sleeplock and a CPU's queue; then that of shootdown.c, the last.
//
// By default one guard, memlock, is that of all spaces, of the buffers and of the pages: it is what CPUs wait for.  The
// boot option locks=fine gives each its own.  The kernel takes no interrupts, so that an interrupt's handler may enter a
// guard like a system call; who spins looks after requests of other CPUs (shootdown.c).
#pragma once
#include "types.h"

struct lock {
    u64 holder; // number of the CPU that holds it, plus 1; 0: free
};

struct guard {
    struct lock lock;
    u64 order;
};

// The guards that somebody is in, in their order, and how many times each was entered.
#define MAX_HELD 8
struct held {
    u64 count;
    struct {
        struct guard *guard;
        u64 depth;
    } at[MAX_HELD];
};

extern struct guard proclock, futexlock, filelock, netlock, memlock, handlock, disklock;
extern struct guard *buffers_lock, *pages_lock; // memlock or their own
extern int locks_are_fine;

void locks_divide(void);
void lock_take(struct lock *lock);
void lock_give(struct lock *lock);
void enter(struct guard *guard);
int try_enter(struct guard *guard);
void leave(struct guard *guard);
void give_up_guards(struct held *kept);
void take_back_guards(const struct held *kept);
