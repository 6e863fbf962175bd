// The thin guest's system calls: a program's memory, its threads, time, and the console.
#include "call.h"
#include "proc.h"

static i64 sys_write(u64 descriptor, u64 from, u64 bytes) {
    return descriptor == 1 ? console_write(from, bytes) : -1;
}

static i64 sys_freepages(u64, u64, u64) {
    return (i64)page_free_count(0);
}

const struct call calls[MAX_CALLS] = {
    COMMON_CALLS,
    [SYS_WRITE] = {sys_write, &filelock},
    [SYS_GETARG] = {proc_argument, 0},
    [SYS_FREEPAGES] = {sys_freepages, 0},
    [SYS_THREAD_CREATE] = {thread_create, 0},
};
