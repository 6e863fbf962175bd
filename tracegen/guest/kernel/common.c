// System calls that mean the same in both guests: a program's end and memory, its threads, time.
#include "call.h"
#include "proc.h"

i64 sys_exit(u64 status, u64, u64) {
    proc_exit(status & 0xff);
}

i64 sys_sbrk(u64 bytes, u64, u64) {
    return map_grow((i64)bytes);
}

i64 sys_time(u64, u64, u64) {
    return (i64)timer_now();
}

i64 sys_yield(u64, u64, u64) {
    yield();
    return 0;
}

i64 sys_thread_exit(u64, u64, u64) {
    thread_exit();
}

i64 sys_thread_join(u64 id, u64, u64) {
    return thread_join(id);
}

i64 sys_futex_wait(u64 at, u64 expected, u64) {
    return futex_wait(at, (u32)expected);
}

i64 sys_futex_wake(u64 at, u64 most, u64) {
    return futex_wake(at, most);
}

i64 sys_cpus(u64, u64, u64) {
    return (i64)cpu_count;
}
