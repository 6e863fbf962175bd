// The process: what it owns, what it was started with, and its first entry into user mode.
#include "announce.h"
#include "cp0.h"
#include "kernel.h"
#include "param.h"

extern const u8 user_program[], user_program_end[]; // program.S

static struct {
    u64 zeroed; // demand-zero pages reach from here (bss) to `heap_end`, and from STACK_LOW to USER_TOP
    u64 heap_end;
    u32 argument_count;
    const char *argument[MAX_ARGUMENTS];
    char text[ARGUMENT_BYTES];
} proc;

const char *proc_name(void) {
    return proc.argument_count ? proc.argument[0] : "init";
}

// Splits the boot argument string at its spaces; what exceeds the limits of param.h is refused.
static void split_arguments(const char *from) {
    u64 length = strlen(from);
    if (length >= ARGUMENT_BYTES)
        panic("boot argument string too long", 0);
    memcpy(proc.text, from, length + 1);
    for (char *p = proc.text; *p;) {
        if (*p == ' ') {
            *p++ = 0;
            continue;
        }
        if (proc.argument_count == MAX_ARGUMENTS)
            panic("too many boot arguments", 0);
        proc.argument[proc.argument_count++] = p;
        while (*p && *p != ' ')
            p++;
    }
}

// Runs the user program from its entry point, in user mode, with timer interrupts.
void proc_start(const char *arguments) {
    split_arguments(arguments);
    u64 entry = exec_load(user_program, (u64)(user_program_end - user_program), &proc.zeroed, &proc.heap_end);
    if (!entry)
        panic("cannot load the user program", 0);
    struct trapframe frame;
    memset(&frame, 0, sizeof frame);
    frame.epc = entry;
    frame.reg[REG_SP] = USER_TOP;
    frame.status = STATUS_XX | STATUS_TIMER | STATUS_UX | STATUS_USER | STATUS_EXL | STATUS_IE;
    ANNOUNCE2(ANNOUNCE_THREAD_SPACE, INIT_THREAD, INIT_SPACE);
    ANNOUNCE2(ANNOUNCE_THREAD_SWITCH, 0, INIT_THREAD);
    user_enter(&frame);
}

int proc_owns_zeroed(u64 va) {
    return (va >= proc.zeroed && va < proc.heap_end) || (va >= STACK_LOW && va < USER_TOP);
}

// Grows the heap.  Memory is promised only while that many pages are free; it is given at the first touch.
i64 proc_grow(i64 bytes) {
    u64 before = proc.heap_end;
    if (bytes < 0 || (u64)bytes > HEAP_TOP - before || PAGE_UP(bytes) >> PAGE_SHIFT > page_free_count())
        return -1;
    proc.heap_end = PAGE_UP(before + (u64)bytes);
    return (i64)before;
}

// Copies an argument with its NUL to user address `to`, cut at `bytes`.  Its length, or -1.
i64 proc_argument(u64 index, u64 to, u64 bytes) {
    if (index >= proc.argument_count)
        return -1;
    u64 length = strlen(proc.argument[index]);
    u64 copied = length + 1 < bytes ? length + 1 : bytes;
    if (to >= USER_TOP || copied > USER_TOP - to || user_copy((void *)to, proc.argument[index], copied))
        return -1;
    return (i64)length;
}
