// interp: runs a program of bytecode.  What its files share.
#pragma once
#include "bytecode.h"
#include "object.h"

#define EXIT_TRAP 4           // the program did what no program may
#define STACK_BYTES (256UL << 10) // of frames, in the program's memory
#define STACK_WORDS 8192      // of operands, outside of it
#define MAX_CALLS 4096        // at a time

// The program's memory.  Addresses are offsets in it, and nothing below DATA_START is there.
struct memory {
    u8 *at;
    u64 bytes;                // up to here
    u64 stack_low;            // frames reach down to here
};

extern struct memory memory;

[[noreturn]] void run(const struct object *program);
[[noreturn]] void trap(const struct object *program, u64 place, const char *why);

// builtin.c: does what function number `index` does; its result.  Gives -1 and says why where it cannot.
i64 builtin(u64 index, i64 argument, const char **why);
void flush(void);
