// System calls: number in v0, arguments in a0 to a2, result in v0, -1 where the kernel refuses.
#include "kernel.h"
#include "param.h"

static i64 sys_exit(u64 status, u64, u64) {
    power_off(status & 0xff);
}

// Descriptor 1 is the console; there is no other yet.
static i64 sys_write(u64 descriptor, u64 from, u64 bytes) {
    char chunk[WRITE_CHUNK];
    if (descriptor != 1 || from >= USER_TOP || bytes > USER_TOP - from)
        return -1;
    for (u64 done = 0; done < bytes;) {
        u64 n = bytes - done < WRITE_CHUNK ? bytes - done : WRITE_CHUNK;
        if (user_copy(chunk, (const void *)(from + done), n))
            return -1;
        for (u64 i = 0; i < n; i++)
            print_byte((u8)chunk[i]);
        done += n;
    }
    return (i64)bytes;
}

static i64 sys_sbrk(u64 bytes, u64, u64) {
    return proc_grow((i64)bytes);
}

static i64 sys_time(u64, u64, u64) {
    return (i64)timer_now();
}

// There is no other process to give the processor to.
static i64 sys_yield(u64, u64, u64) {
    return 0;
}

static i64 sys_getarg(u64 index, u64 to, u64 bytes) {
    return proc_argument(index, to, bytes);
}

static i64 (*const table[])(u64, u64, u64) = {
    [SYS_EXIT] = sys_exit, [SYS_WRITE] = sys_write, [SYS_SBRK] = sys_sbrk,
    [SYS_TIME] = sys_time, [SYS_YIELD] = sys_yield, [SYS_GETARG] = sys_getarg,
};

i64 syscall(u64 number, const u64 *arguments) {
    if (number >= sizeof table / sizeof *table || !table[number])
        return -1;
    return table[number](arguments[0], arguments[1], arguments[2]);
}
