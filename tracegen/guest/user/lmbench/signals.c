// Signals set up and taken, a store that a page forbids, and waiting for one of many descriptors.
#include "lmbench.h"

#define DESCRIPTORS 10 // that are waited for

static volatile u64 taken;
static u64 fault_mark;
static u8 *forbidden;

static void count(u64, u64) {
    taken++;
}

u64 signal_install(u64 mark, u64 rounds) {
    u64 wrong = 0;
    for (u64 i = 0; i < rounds; i++) {
        REGION_BEGIN(mark);
        i64 before = on_signal(SIGNAL_USER, count);
        REGION_END(mark);
        wrong += before != (i ? (i64)count : 0);
    }
    return wrong + (on_signal(SIGNAL_USER, SIGNAL_DEFAULT) != (i64)count);
}

u64 signal_handle(u64 mark, u64 rounds) {
    i64 self = sys_getpid();
    u64 wrong = on_signal(SIGNAL_USER, count) == -1;
    taken = 0;
    for (u64 i = 0; i < rounds; i++) {
        REGION_BEGIN(mark);
        i64 result = sys_kill(self, SIGNAL_USER);
        REGION_END(mark);
        wrong += result != 0 || taken != i + 1;
    }
    return wrong + (on_signal(SIGNAL_USER, SIGNAL_DEFAULT) != (i64)count);
}

// The region ends where the handler begins; then the store is allowed, and goes on.
static void allow(u64, u64 address) {
    REGION_END(fault_mark);
    taken += address == (u64)forbidden;
    sys_mprotect(forbidden, PAGE_BYTES, MAP_READ | MAP_WRITE);
}

u64 protection_fault(u64 mark, u64 rounds) {
    u64 wrong = on_signal(SIGNAL_SEGV, allow) == -1;
    forbidden = map_memory(PAGE_BYTES, MAP_READ | MAP_WRITE);
    fault_mark = mark;
    taken = 0;
    for (u64 i = 0; i < rounds; i++) {
        *forbidden = 0;
        wrong += sys_mprotect(forbidden, PAGE_BYTES, MAP_READ) != 0;
        REGION_BEGIN(mark);
        *(volatile u8 *)forbidden = 1;
        wrong += *forbidden != 1 || taken != i + 1;
    }
    wrong += sys_munmap(forbidden, PAGE_BYTES) != 0;
    return wrong + (on_signal(SIGNAL_SEGV, SIGNAL_DEFAULT) != (i64)allow);
}

// All of them are ready: the same pipe's end to read from, under as many numbers.
u64 select_pipes(u64 mark, u64 rounds) {
    i64 ends[2], ready[DESCRIPTORS];
    u64 wrong = sys_pipe(ends) != 0, bits = 0;
    wrong += sys_write(ends[1], "", 1) != 1;
    for (u64 i = 0; i < DESCRIPTORS; i++) {
        ready[i] = sys_dup(ends[0]);
        bits |= 1UL << ready[i];
    }
    for (u64 i = 0; i < rounds; i++) {
        struct sets sets = {{bits}, {0}};
        REGION_BEGIN(mark);
        i64 n = sys_select(&sets, -1);
        REGION_END(mark);
        wrong += n != DESCRIPTORS || sets.read[0] != bits;
    }
    for (u64 i = 0; i < DESCRIPTORS; i++)
        sys_close(ready[i]);
    return wrong + (sys_close(ends[0]) != 0) + (sys_close(ends[1]) != 0);
}
