// What a user program may use.  Its own part is main(), whose result is the exit status.
#pragma once
#include "abi.h"
#include "announce.h"
#include "lib.h"

// What sys_stat tells of a file.
struct stat {
    u64 bytes;
    u64 modified; // nanoseconds since boot; 0 where the file came with the disk
    u64 inode;    // the file's number, whatever its name
    u64 links;    // how many names it has
    u64 directory; // 1 for one
};

// Descriptors to read from, and to write to: bit d % 64 of word d / 64.
struct sets {
    u64 read[SELECT_WORDS], write[SELECT_WORDS];
};

// System calls (crt0.S); -1 where the kernel refuses.
[[noreturn]] void sys_exit(u64 status);
i64 sys_write(i64 descriptor, const void *from, u64 bytes); // fewer than `bytes` when the disk gets full
i64 sys_sbrk(u64 bytes);
u64 sys_time(void);
i64 sys_yield(void);
i64 sys_getarg(u64 index, char *to, u64 bytes);
i64 sys_fork(void);
i64 sys_exec(const char *line); // the program and its arguments, between spaces; returns only where refused
i64 sys_wait(u64 *status);      // `status` may be 0
i64 sys_getpid(void);
i64 sys_kill(i64 id, u64 signal); // SIGNAL_TERM and others
i64 sys_sleep(u64 ticks);
i64 sys_pipe(i64 ends[2]); // the end to read from, the end to write to
i64 sys_read(i64 descriptor, void *to, u64 bytes); // fewer than `bytes` at the end of a file
i64 sys_close(i64 descriptor);
i64 sys_dup(i64 descriptor);
u64 sys_freepages(void);
i64 sys_open(const char *name, u64 flags); // OPEN_READ, OPEN_WRITE, OPEN_CREATE, OPEN_TRUNCATE; a descriptor
i64 sys_unlink(const char *name);          // the file stays while a descriptor is open
i64 sys_stat(const char *name, struct stat *to);
i64 sys_seek(i64 descriptor, u64 offset); // from the file's start
i64 sys_sync(void);                       // returns when the disk has everything
i64 sys_rename(const char *from, const char *to); // replaces `to`
i64 sys_dup2(i64 descriptor, i64 to);             // closes `to` first
u64 sys_freeblocks(void);
i64 sys_getppid(void);
i64 sys_sigaction(u64 signal, u64 handler, u64 back); // on_signal gives `back`
i64 sys_sigreturn(void);                              // what handlers return to
i64 sys_select(struct sets *sets, i64 ticks); // leaves those that are ready; returns how many
i64 sys_mkdir(const char *name);
i64 sys_rmdir(const char *name); // of an empty one
i64 sys_chdir(const char *name); // names that do not begin with / begin there; .. is the directory above
i64 sys_fstat(i64 descriptor, struct stat *to);
i64 sys_link(const char *from, const char *to); // the file has both names
i64 sys_mmap(u64 bytes, u64 flags, u64 where); // map_file and map_memory give `where`
i64 sys_munmap(void *from, u64 bytes);
i64 sys_mprotect(void *from, u64 bytes, u64 rights); // MAP_READ and others
i64 sys_msync(void *from, u64 bytes);                // returns when the disk has what was stored to shared files there

// Sockets.  A descriptor for one reads and writes as one for a file does.
struct datagram {
    u64 station, port; // to whom, or from whom
    void *data;
    u64 bytes;         // that `data` has, or takes
    u64 head[NET_HEAD_WORDS]; // travels in the packet's header
};

struct peer {
    u64 station, port;
};

i64 sys_socket(u64 kind, u64 most);       // SOCKET_DATAGRAM, SOCKET_STREAM; `most` bytes in a packet, 0: NET_MTU
i64 sys_bind(i64 descriptor, u64 port);   // 0: a free one; gives the port
i64 sys_listen(i64 descriptor, u64 backlog);
i64 sys_accept(i64 descriptor, struct peer *peer); // `peer` may be 0
i64 sys_connect(i64 descriptor, u64 station, u64 port);
i64 sys_sendto(i64 descriptor, const struct datagram *message);
i64 sys_recvfrom(i64 descriptor, struct datagram *message); // bytes of the datagram, even if more than `data` takes
i64 sys_shutdown(i64 descriptor);         // the peer reads what was written, then the end
u64 sys_station(u64 all);                 // 0: of this machine, from 1; 1: how many machines there are

i64 sys_mount(u64 station, const char *name); // what that machine serves is below the directory from here on
i64 sys_serve(u64 clients);               // the own files; returns when so many others need nothing more

i64 sys_thread_create(void (*entry)(void), void *stack, void *argument); // see thread_start
[[noreturn]] void sys_thread_exit(void);
i64 sys_thread_join(i64 id);
i64 sys_futex_wait(const u32 *word, u32 value); // sleeps while `*word` is `value`; -1 where it is not
i64 sys_futex_wake(const u32 *word, u64 most);
u64 sys_cpus(void);

// thread.c: threads share all memory; one of them at a time may print.
struct thread {
    i64 id;
    void (*run)(void *);
    void *argument;
    void *stack; // kept for the next thread that this starts
};
void thread_start(struct thread *thread, void (*run)(void *), void *argument); // no room ends the program
void thread_join(struct thread *thread);

struct mutex {
    u32 state; // 0 free, 1 held, 2 held and somebody may wait
};
void mutex_lock(struct mutex *mutex);
void mutex_unlock(struct mutex *mutex);

struct barrier {
    u32 threads; // that meet here
    u32 arrived, round;
};
void barrier_wait(struct barrier *barrier);

// output.c: text collects in a line and goes out with its newline, in one system call.  lib.h has print() and its kin.

// start.c
#define EXIT_OK 0
#define EXIT_WRONG 1 // the workload's answer was wrong
#define ARGUMENT_BYTES 64

u64 number_argument(u64 index);            // a missing argument or no number ends the program with STATUS_USAGE
void *allocate(u64 bytes);                 // zeroed, page-aligned; no memory ends the program with STATUS_NO_MEMORY
void write_all(i64 descriptor, const void *from, u64 bytes); // a full disk ends the program with STATUS_NO_SPACE
[[noreturn]] void stop(const char *why, u64 status); // prints one line and exits

void *map_memory(u64 bytes, u64 flags); // zeroed; -1 where the kernel refuses, as with map_file
void *map_file(i64 descriptor, u64 offset, u64 bytes, u64 flags); // `offset` is a multiple of pages

#define SIGNAL_DEFAULT ((void (*)(u64, u64))0)
#define SIGNAL_IGNORED ((void (*)(u64, u64))1)

// Calls `handler` with the signal, and the address that a fault is about; it must not use floating point.  -1: refused.
i64 on_signal(u64 signal, void (*handler)(u64 signal, u64 address));

// The program.
int main(void);

// Regions of a workload: the recorder marks where one begins and ends, at no cost.  Marks are numbered from 1.
#define REGION_BEGIN(mark) ANNOUNCE1(ANNOUNCE_MARK_BEGIN, mark)
#define REGION_END(mark) ANNOUNCE1(ANNOUNCE_MARK_END, mark)

// The one region that most programs measure.
#define MEASURED 1
#define MARK_BEGIN() REGION_BEGIN(MEASURED)
#define MARK_END() REGION_END(MEASURED)

// The names of the marks of a program that has others, in order: `MARKS("call", "fault");`
#define MARKS(...) const char mark_names[MOST_MARKS][MARK_NAME_BYTES] = {__VA_ARGS__}
extern const char mark_names[MOST_MARKS][MARK_NAME_BYTES];
