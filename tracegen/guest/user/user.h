// What a user program may use.
#pragma once
#include "abi.h"
#include "announce.h"
#include "lib.h"

// System calls (crt0.S); -1 where the kernel refuses.
[[noreturn]] void sys_exit(u64 status);
i64 sys_write(i64 descriptor, const void *from, u64 bytes);
i64 sys_sbrk(u64 bytes);
u64 sys_time(void);
i64 sys_yield(void);
i64 sys_getarg(u64 index, char *to, u64 bytes);
i64 sys_fork(void);
i64 sys_exec(const char *line); // the program and its arguments, between spaces; returns only where refused
i64 sys_wait(u64 *status);      // `status` may be 0
i64 sys_getpid(void);
i64 sys_kill(i64 id);
i64 sys_sleep(u64 ticks);
i64 sys_pipe(i64 ends[2]); // the end to read from, the end to write to
i64 sys_read(i64 descriptor, void *to, u64 bytes);
i64 sys_close(i64 descriptor);
i64 sys_dup(i64 descriptor);
u64 sys_freepages(void);

// print.c: text collects in a line and goes out with its newline, in one system call.
void print(const char *text);
void print_decimal(u64 value);
void print_hex(u64 value);

// start.c
#define EXIT_OK 0
#define EXIT_WRONG 1 // the workload's answer was wrong
#define EXIT_MEMORY 3 // the kernel refused memory
#define ARGUMENT_BYTES 64

u64 number_argument(u64 index);            // a missing argument or no number ends the program with EXIT_USAGE
void *allocate(u64 bytes);                 // zeroed, page-aligned; no memory ends the program with EXIT_MEMORY
[[noreturn]] void stop(const char *why, u64 status); // prints one line and exits

// The programs; start.c lists them.
int gups(void);
int echo(void);
int radix(void);
int usertests(void);

// The measured region of a workload: the recorder marks it.
#define MEASURED 1
#define MARK_BEGIN() ANNOUNCE1(ANNOUNCE_MARK_BEGIN, MEASURED)
#define MARK_END() ANNOUNCE1(ANNOUNCE_MARK_END, MEASURED)
