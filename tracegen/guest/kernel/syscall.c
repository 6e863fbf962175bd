// What the system calls do that the thin guest has not, or has otherwise.
#include "call.h"
#include "fs.h"
#include "nfs.h"
#include "proc.h"

static i64 sys_write(u64 descriptor, u64 from, u64 bytes) {
    return file_write(descriptor, from, bytes);
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
    return (i64)current->leader->id;
}

static i64 sys_getppid(u64, u64, u64) {
    const struct proc *parent = current->leader->parent;
    return parent ? (i64)parent->id : 0;
}

static i64 sys_kill(u64 id, u64 signal, u64) {
    return proc_kill(id, signal);
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
    return (i64)page_free_count(buffer_clean_pages());
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

static i64 sys_thread_create(u64 entry, u64 stack, u64 argument) {
    return thread_create(entry, stack, argument);
}

static i64 sys_mmap(u64 bytes, u64 flags, u64 where) {
    return map_create(bytes, flags, where);
}

static i64 sys_munmap(u64 from, u64 bytes, u64) {
    return map_remove(from, bytes);
}

static i64 sys_mprotect(u64 from, u64 bytes, u64 rights) {
    return map_protect(from, bytes, rights);
}

static i64 sys_msync(u64 from, u64 bytes, u64) {
    return map_sync(from, bytes);
}

static i64 sys_fstat(u64 descriptor, u64 to, u64) {
    return file_fstat(descriptor, to);
}

static i64 sys_link(u64 from, u64 to, u64) {
    return file_link(from, to);
}

static i64 sys_mkdir(u64 name, u64, u64) {
    return file_mkdir(name);
}

static i64 sys_rmdir(u64 name, u64, u64) {
    return file_rmdir(name);
}

static i64 sys_chdir(u64 name, u64, u64) {
    return file_chdir(name);
}

static i64 sys_sigaction(u64 signal, u64 handler, u64 back) {
    return signal_action(signal, handler, back);
}

static i64 sys_sigreturn(u64, u64, u64) {
    return signal_return();
}

static i64 sys_select(u64 sets, u64 ticks, u64) {
    return file_select(sets, (i64)ticks);
}

static i64 sys_socket(u64 kind, u64 most, u64) {
    return socket_create(kind, most);
}

static i64 sys_bind(u64 descriptor, u64 port, u64) {
    return socket_bind(descriptor, port);
}

static i64 sys_listen(u64 descriptor, u64 backlog, u64) {
    return socket_listen(descriptor, backlog);
}

static i64 sys_accept(u64 descriptor, u64 to, u64) {
    return socket_accept(descriptor, to);
}

static i64 sys_connect(u64 descriptor, u64 station, u64 port) {
    return socket_connect(descriptor, station, port);
}

static i64 sys_sendto(u64 descriptor, u64 message, u64) {
    return socket_send(descriptor, message);
}

static i64 sys_recvfrom(u64 descriptor, u64 message, u64) {
    return socket_receive(descriptor, message);
}

static i64 sys_shutdown(u64 descriptor, u64, u64) {
    return socket_shut(descriptor);
}

static i64 sys_station(u64 all, u64, u64) {
    return all ? net_stations() : net_station();
}

static i64 sys_mount(u64 station, u64 name, u64) {
    return file_mount(station, name);
}

static i64 sys_serve(u64 clients, u64, u64) {
    return nfs_serve(clients);
}

const struct call calls[MAX_CALLS] = {
    COMMON_CALLS,
    [SYS_WRITE] = {sys_write, &filelock},
    [SYS_GETARG] = {sys_getarg, 0},
    [SYS_FORK] = {sys_fork, 0},
    [SYS_EXEC] = {sys_exec, 0},
    [SYS_WAIT] = {sys_wait, &proclock},
    [SYS_GETPID] = {sys_getpid, 0},
    [SYS_KILL] = {sys_kill, &proclock},
    [SYS_SLEEP] = {sys_sleep, 0},
    [SYS_PIPE] = {sys_pipe, &filelock},
    [SYS_READ] = {sys_read, &filelock},
    [SYS_CLOSE] = {sys_close, &filelock},
    [SYS_DUP] = {sys_dup, &filelock},
    [SYS_FREEPAGES] = {sys_freepages, 0},
    [SYS_OPEN] = {sys_open, &filelock},
    [SYS_UNLINK] = {sys_unlink, &filelock},
    [SYS_STAT] = {sys_stat, &filelock},
    [SYS_SEEK] = {sys_seek, &filelock},
    [SYS_SYNC] = {sys_sync, 0},
    [SYS_RENAME] = {sys_rename, &filelock},
    [SYS_DUP2] = {sys_dup2, &filelock},
    [SYS_FREEBLOCKS] = {sys_freeblocks, &filelock},
    [SYS_MMAP] = {sys_mmap, &filelock},
    [SYS_MUNMAP] = {sys_munmap, 0},
    [SYS_MPROTECT] = {sys_mprotect, 0},
    [SYS_SIGACTION] = {sys_sigaction, &proclock},
    [SYS_SIGRETURN] = {sys_sigreturn, 0},
    [SYS_SELECT] = {sys_select, &filelock},
    [SYS_MKDIR] = {sys_mkdir, &filelock},
    [SYS_RMDIR] = {sys_rmdir, &filelock},
    [SYS_CHDIR] = {sys_chdir, &filelock},
    [SYS_FSTAT] = {sys_fstat, &filelock},
    [SYS_MSYNC] = {sys_msync, 0},
    [SYS_LINK] = {sys_link, &filelock},
    [SYS_THREAD_CREATE] = {sys_thread_create, 0},
    [SYS_GETPPID] = {sys_getppid, &proclock},
    [SYS_SOCKET] = {sys_socket, &filelock},
    [SYS_BIND] = {sys_bind, &filelock},
    [SYS_LISTEN] = {sys_listen, &filelock},
    [SYS_ACCEPT] = {sys_accept, &filelock},
    [SYS_CONNECT] = {sys_connect, &filelock},
    [SYS_SENDTO] = {sys_sendto, &filelock},
    [SYS_RECVFROM] = {sys_recvfrom, &filelock},
    [SYS_SHUTDOWN] = {sys_shutdown, &filelock},
    [SYS_STATION] = {sys_station, 0},
    [SYS_MOUNT] = {sys_mount, &filelock},
    [SYS_SERVE] = {sys_serve, &filelock},
};
