// Signals set up and taken, a store that a page forbids, and waiting for one of many descriptors.
#include "lmbench.h"

#define MOST_DESCRIPTORS 100 // that are waited for
#define PORT 7

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

// Waits for descriptors, all of which are ready: `from` under as many numbers.
static u64 select_copies(u64 mark, u64 rounds, i64 from, u64 copies) {
    struct sets wanted, none = {{0}, {0}};
    i64 ready[MOST_DESCRIPTORS];
    u64 wrong = 0;
    wanted = none;
    for (u64 i = 0; i < copies; i++) {
        ready[i] = sys_dup(from);
        wanted.read[ready[i] / 64] |= 1UL << ready[i] % 64;
    }
    for (u64 i = 0; i < rounds; i++) {
        struct sets sets = wanted;
        REGION_BEGIN(mark);
        i64 n = sys_select(&sets, -1);
        REGION_END(mark);
        wrong += n != (i64)copies || sets.read[0] != wanted.read[0] || sets.read[1] != wanted.read[1];
    }
    for (u64 i = 0; i < copies; i++)
        wrong += sys_close(ready[i]) != 0;
    return wrong + (sys_close(from) != 0);
}

u64 select_pipes(u64 mark, u64 rounds) {
    i64 ends[2];
    u64 wrong = sys_pipe(ends) != 0;
    wrong += sys_write(ends[1], "", 1) != 1;
    wrong += select_copies(mark, rounds, ends[0], 10);
    return wrong + (sys_close(ends[1]) != 0);
}

// One connection to the own station under a hundred numbers, as lmbench's lat_select has it.
u64 select_streams(u64 mark, u64 rounds) {
    i64 listener = listen_at(PORT, 0, 1), out = call_server(sys_station(0), PORT, 0), in = sys_accept(listener, 0);
    u64 wrong = sys_write(out, "", 1) != 1;
    wrong += select_copies(mark, rounds, in, 100);
    return wrong + (sys_close(out) != 0) + (sys_close(listener) != 0);
}
