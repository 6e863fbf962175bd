// System calls by number.
#pragma once
#include "lock.h"

#define MAX_CALLS 64

// What a call does, and the guard that it needs for all of its time.
struct call {
    i64 (*run)(u64, u64, u64);
    struct guard *inside;
};

extern const struct call calls[MAX_CALLS]; // syscall.c; or the thin guest's calls.c

// Those that mean the same in both guests: common.c.
i64 sys_exit(u64 status, u64, u64);
i64 sys_sbrk(u64 bytes, u64, u64);
i64 sys_time(u64, u64, u64);
i64 sys_yield(u64, u64, u64);
i64 sys_thread_exit(u64, u64, u64);
i64 sys_thread_join(u64 id, u64, u64);
i64 sys_futex_wait(u64 at, u64 expected, u64);
i64 sys_futex_wake(u64 at, u64 most, u64);
i64 sys_cpus(u64, u64, u64);

#define COMMON_CALLS \
    [SYS_EXIT] = {sys_exit, 0}, \
    [SYS_SBRK] = {sys_sbrk, 0}, \
    [SYS_TIME] = {sys_time, 0}, \
    [SYS_YIELD] = {sys_yield, 0}, \
    [SYS_THREAD_EXIT] = {sys_thread_exit, 0}, \
    [SYS_THREAD_JOIN] = {sys_thread_join, &proclock}, \
    [SYS_FUTEX_WAIT] = {sys_futex_wait, &futexlock}, \
    [SYS_FUTEX_WAKE] = {sys_futex_wake, &futexlock}, \
    [SYS_CPUS] = {sys_cpus, 0}
