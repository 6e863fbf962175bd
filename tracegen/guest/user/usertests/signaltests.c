// usertests of signals, and of waiting for several descriptors.
#include "usertests.h"

static volatile u64 taken, last, where;
static u8 *volatile page;

static void note(u64 signal, u64 address) {
    // In one: where the store has its page copied, another signal may be taken before it is done.
    __atomic_fetch_add(&taken, 1, __ATOMIC_RELAXED);
    last = signal;
    where = address;
}

// Sends the signal that it handles: that one comes when it has returned.
static void again(u64 signal, u64) {
    u64 before = taken++;
    if (before == 0)
        sys_kill(sys_getpid(), signal);
    last = before == 0 && taken == 1;
}

// A handler runs before the call that sends the signal returns; others do what they do by default.
int signals(void) {
    i64 self = sys_getpid();
    if (on_signal(SIGNAL_USER, note) != 0 || sys_kill(self, SIGNAL_USER) || taken != 1 || last != SIGNAL_USER)
        return 0;
    if (on_signal(SIGNAL_USER, again) != (i64)note || (taken = 0, sys_kill(self, SIGNAL_USER)) || taken != 2 || last)
        return 0;
    if (on_signal(SIGNAL_USER, SIGNAL_IGNORED) < 0 || sys_kill(self, SIGNAL_USER) || sys_kill(self, SIGNAL_CHILD))
        return 0;
    i64 child = sys_fork();
    if (child == 0) {
        on_signal(SIGNAL_USER, SIGNAL_DEFAULT);
        sys_kill(sys_getpid(), SIGNAL_USER);
        sys_exit(EXIT_OK);
    }
    return reap(child) == 128 + SIGNAL_USER && sys_kill(self, 0) == -1 && sys_kill(self, 32) == -1 &&
           on_signal(SIGNAL_KILL, note) == -1 && on_signal(0, note) == -1 && on_signal(99, note) == -1 &&
           sys_sigaction(SIGNAL_USER, KERNEL_BASE, 0) == -1;
}

static void allow(u64 signal, u64 address) {
    note(signal, address);
    sys_mprotect((void *)(address & ~(u64)(PAGE_BYTES - 1)), PAGE_BYTES, MAP_READ | MAP_WRITE);
}

// A store that was not allowed is done after the handler allowed it; one that stays wrong can be ended.
int fault_signals(void) {
    page = map_memory(PAGE_BYTES, MAP_READ | MAP_WRITE);
    *page = 1;
    sys_mprotect(page, PAGE_BYTES, MAP_READ);
    on_signal(SIGNAL_SEGV, allow);
    taken = 0;
    page[7] = 9;
    if (taken != 1 || last != SIGNAL_SEGV || where != (u64)page + 7 || *page != 1 || page[7] != 9)
        return 0;
    i64 child = sys_fork();
    if (child == 0)
        *(volatile u64 *)8 = 1; // nothing is mapped there to allow it: it faults again and again
    sys_sleep(1);
    return sys_kill(child, SIGNAL_KILL) == 0 && reap(child) == 128 + SIGNAL_KILL;
}

// Signals come between any two instructions, and change nothing but what the handler does.
int interruptions(void) {
    on_signal(SIGNAL_ALARM, note);
    taken = 0;
    i64 parent = sys_getpid(), child = sys_fork();
    if (child == 0) {
        for (u64 i = 0; i < 5; i++) {
            sys_sleep(1);
            sys_kill(parent, SIGNAL_ALARM);
        }
        sys_exit(EXIT_OK);
    }
    while (taken < 5)
        if (!spin(1000))
            return 0;
    return reap(child) == EXIT_OK && taken == 5;
}

// A signal cuts a sleep short; a child's end does not, and is told.
int woken(void) {
    on_signal(SIGNAL_USER, note);
    on_signal(SIGNAL_CHILD, note);
    taken = 0;
    i64 parent = sys_getpid(), child = sys_fork();
    if (child == 0) {
        sys_sleep(2);
        sys_kill(parent, SIGNAL_USER);
        sys_exit(EXIT_OK);
    }
    return sys_sleep(1000000) == -1 && taken && reap(child) == EXIT_OK && taken == 2;
}

// A new program has its parent's ignored signals, and no handlers.  The old one, while it waits for the disk, takes any.
int signals_of_programs(void) {
    on_signal(SIGNAL_USER, note);
    on_signal(SIGNAL_INT, SIGNAL_IGNORED);
    i64 child = sys_fork();
    if (child == 0)
        sys_exec("gups 512 2000000");
    on_signal(SIGNAL_CHILD, note);
    for (taken = 0; !taken; sys_sleep(1)) {
        sys_kill(child, SIGNAL_INT);
        sys_kill(child, SIGNAL_USER);
    }
    return reap(child) == 128 + SIGNAL_USER;
}

// The descriptors that are ready, at once, when something comes, or when time is over.
int selection(void) {
    i64 first[2], second[2];
    char byte;
    if (sys_pipe(first) || sys_pipe(second))
        return 0;
    u64 both = 1UL << first[0] | 1UL << second[0], before = sys_time();
    struct sets sets = {{both}, {1UL << second[1]}}, none = {{both}, {0}}, some = none, ended = none, wrong = {{1UL << 13}, {0}};
    if (sys_select(&sets, -1) != 1 || sets.read[0] || sets.write[0] != 1UL << second[1])
        return 0;
    if (sys_select(&none, 0) != 0 || none.read[0])
        return 0;
    none.read[0] = both;
    if (sys_select(&none, 3) != 0 || sys_time() - before < 20000000)
        return 0;
    i64 child = sys_fork();
    if (child == 0) {
        sys_sleep(1);
        sys_exit(sys_write(second[1], "x", 1) == 1 ? EXIT_OK : EXIT_WRONG);
    }
    if (sys_select(&some, -1) != 1 || some.read[0] != 1UL << second[0] || sys_read(second[0], &byte, 1) != 1 || reap(child))
        return 0;
    sys_close(first[1]);
    return sys_select(&ended, -1) == 1 && ended.read[0] == 1UL << first[0] && sys_select(&wrong, 0) == -1 &&
           sys_select((struct sets *)KERNEL_BASE, 0) == -1;
}
