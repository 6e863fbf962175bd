// The thin guest's system calls: a program's memory, its threads, time, and the console.
#include "call.h"
#include "proc.h"

static i64 sys_exit(u64 status, u64, u64) {
    proc_exit(status & 0xff);
}

static i64 sys_write(u64 descriptor, u64 from, u64 bytes) {
    return descriptor == 1 ? console_write(from, bytes) : -1;
}

static i64 sys_sbrk(u64 bytes, u64, u64) {
    return map_grow((i64)bytes);
}

static i64 sys_time(u64, u64, u64) {
    return (i64)timer_now();
}

static i64 sys_yield(u64, u64, u64) {
    yield();
    return 0;
}

static i64 sys_freepages(u64, u64, u64) {
    return (i64)page_free_count(0);
}

static i64 sys_thread_exit(u64, u64, u64) {
    thread_exit();
}

static i64 sys_thread_join(u64 id, u64, u64) {
    return thread_join(id);
}

static i64 sys_futex_wait(u64 at, u64 expected, u64) {
    return futex_wait(at, (u32)expected);
}

static i64 sys_futex_wake(u64 at, u64 most, u64) {
    return futex_wake(at, most);
}

static i64 sys_cpus(u64, u64, u64) {
    return (i64)cpu_count;
}

const struct call calls[MAX_CALLS] = {
    [SYS_EXIT] = {sys_exit, 0},
    [SYS_WRITE] = {sys_write, &filelock},
    [SYS_SBRK] = {sys_sbrk, 0},
    [SYS_TIME] = {sys_time, 0},
    [SYS_YIELD] = {sys_yield, 0},
    [SYS_GETARG] = {proc_argument, 0},
    [SYS_FREEPAGES] = {sys_freepages, 0},
    [SYS_THREAD_CREATE] = {thread_create, 0},
    [SYS_THREAD_EXIT] = {sys_thread_exit, 0},
    [SYS_THREAD_JOIN] = {sys_thread_join, &proclock},
    [SYS_FUTEX_WAIT] = {sys_futex_wait, &futexlock},
    [SYS_FUTEX_WAKE] = {sys_futex_wake, &futexlock},
    [SYS_CPUS] = {sys_cpus, 0},
};
