// System calls: number in v0, arguments in a0 to a2, result in v0, -1 where the kernel refuses.
#include "fs.h"
#include "proc.h"

static i64 sys_exit(u64 status, u64, u64) {
    proc_exit(status & 0xff);
}

static i64 sys_write(u64 descriptor, u64 from, u64 bytes) {
    return file_write(descriptor, from, bytes);
}

static i64 sys_sbrk(u64 bytes, u64, u64) {
    return proc_grow((i64)bytes);
}

static i64 sys_time(u64, u64, u64) {
    return (i64)timer_now();
}

static i64 sys_yield(u64, u64, u64) {
    yield();
    return 0;
}

static i64 sys_getarg(u64 index, u64 to, u64 bytes) {
    return proc_argument(index, to, bytes);
}

static i64 sys_fork(u64, u64, u64) {
    return proc_fork();
}

static i64 sys_exec(u64 line, u64, u64) {
    return proc_exec(line);
}

static i64 sys_wait(u64 status, u64, u64) {
    return proc_wait(status);
}

static i64 sys_getpid(u64, u64, u64) {
    return (i64)current->id;
}

static i64 sys_getppid(u64, u64, u64) {
    return current->parent ? (i64)current->parent->id : 0;
}

static i64 sys_kill(u64 id, u64, u64) {
    return proc_kill(id);
}

static i64 sys_sleep(u64 ticks, u64, u64) {
    u64 until = timer_ticks() + ticks;
    while (timer_ticks() < until)
        if (sleep_on(0, until))
            return -1;
    return 0;
}

static i64 sys_pipe(u64 descriptors, u64, u64) {
    return file_pipe(descriptors);
}

static i64 sys_read(u64 descriptor, u64 to, u64 bytes) {
    return file_read(descriptor, to, bytes);
}

static i64 sys_close(u64 descriptor, u64, u64) {
    return file_drop(descriptor);
}

static i64 sys_dup(u64 descriptor, u64, u64) {
    return file_dup(descriptor);
}

static i64 sys_freepages(u64, u64, u64) {
    return (i64)(page_free_count() + buffer_idle_pages());
}

static i64 sys_open(u64 name, u64 flags, u64) {
    return file_open(name, flags);
}

static i64 sys_unlink(u64 name, u64, u64) {
    return file_unlink(name);
}

static i64 sys_stat(u64 name, u64 to, u64) {
    return file_stat(name, to);
}

static i64 sys_seek(u64 descriptor, u64 offset, u64) {
    return file_seek(descriptor, offset);
}

static i64 sys_sync(u64, u64, u64) {
    buffer_sync();
    return 0;
}

static i64 sys_rename(u64 from, u64 to, u64) {
    return file_rename(from, to);
}

static i64 sys_dup2(u64 descriptor, u64 to, u64) {
    return file_dup2(descriptor, to);
}

static i64 sys_freeblocks(u64, u64, u64) {
    return (i64)block_free_count();
}

static i64 (*const table[])(u64, u64, u64) = {
    [SYS_EXIT] = sys_exit,   [SYS_WRITE] = sys_write,   [SYS_SBRK] = sys_sbrk,
    [SYS_TIME] = sys_time,   [SYS_YIELD] = sys_yield,   [SYS_GETARG] = sys_getarg,
    [SYS_FORK] = sys_fork,   [SYS_EXEC] = sys_exec,     [SYS_WAIT] = sys_wait,
    [SYS_GETPID] = sys_getpid, [SYS_KILL] = sys_kill,   [SYS_SLEEP] = sys_sleep,
    [SYS_PIPE] = sys_pipe,   [SYS_READ] = sys_read,     [SYS_CLOSE] = sys_close,
    [SYS_DUP] = sys_dup,     [SYS_FREEPAGES] = sys_freepages,
    [SYS_OPEN] = sys_open,   [SYS_UNLINK] = sys_unlink, [SYS_STAT] = sys_stat,
    [SYS_SEEK] = sys_seek,   [SYS_SYNC] = sys_sync,     [SYS_RENAME] = sys_rename,
    [SYS_DUP2] = sys_dup2,   [SYS_FREEBLOCKS] = sys_freeblocks,
    [SYS_GETPPID] = sys_getppid,
};

i64 syscall(u64 number, const u64 *arguments) {
    if (number >= sizeof table / sizeof *table || !table[number])
        return -1;
    return table[number](arguments[0], arguments[1], arguments[2]);
}
