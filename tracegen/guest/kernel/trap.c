// Exceptions, told apart by cause.  vectors.S calls trap() with the frame it saved and interrupts off.
#include "cp0.h"
#include "proc.h"

static const char *const cause_name[32] = {
    [EXC_MODIFIED] = "store to read-only memory", [EXC_LOAD] = "bad address", [EXC_STORE] = "bad address",
    [EXC_ADDRESS_LOAD] = "misaligned or privileged address", [EXC_ADDRESS_STORE] = "misaligned or privileged address",
    [EXC_BREAK] = "break", [EXC_RESERVED] = "reserved instruction", [EXC_COPROCESSOR] = "privileged instruction",
    [EXC_OVERFLOW] = "overflow", [EXC_TRAP] = "trap",
};

// Ends a process that cannot go on.
[[noreturn]] static void kill(const struct trapframe *frame, u64 code, const char *why, u64 status) {
    proc_print_name();
    print(": killed: ");
    print(why);
    print(": pc ");
    print_hex(frame->epc);
    print(" cause ");
    print_decimal(code);
    if (code >= EXC_MODIFIED && code <= EXC_ADDRESS_STORE) { // the others leave BadVAddr as it was
        print(" address ");
        print_hex(frame->badvaddr);
    }
    print("\n");
    proc_exit(status);
}

static int from_user(const struct trapframe *frame) {
    return (frame->status & STATUS_KSU) != 0;
}

// The kernel's only accesses to user memory are those of user_copy.
static int in_user_copy(const struct trapframe *frame) {
    return frame->epc >= (u64)user_copy && frame->epc < (u64)user_copy_failed;
}

// Where the kernel copies for a process, the copy fails: what it holds meanwhile must be released.
static void memory_fault(struct trapframe *frame, u64 code) {
    int store = code != EXC_LOAD;
    if (!current || (!from_user(frame) && !in_user_copy(frame)))
        panic("kernel memory fault", frame);
    enum fault fault = vm_fault(current->space, frame->badvaddr, store);
    if (fault == FAULT_RESOLVED)
        return;
    if (!from_user(frame))
        frame->epc = (u64)user_copy_failed;
    else if (fault == FAULT_NO_MEMORY)
        kill(frame, code, "out of memory", STATUS_NO_MEMORY);
    else
        kill(frame, code, cause_name[code], STATUS_FAULT);
}

// EPC names the syscall instruction; the process goes on behind it.  One in a delay slot could not be skipped.
static void system_call(struct trapframe *frame) {
    if (frame->cause & CAUSE_BD)
        kill(frame, EXC_SYSCALL, "system call in a delay slot", STATUS_ILLEGAL);
    frame->epc += 4;
    i64 result = syscall(frame->reg[REG_V0], &frame->reg[REG_A0]);
    frame->reg[REG_V0] = (u64)result;
}

[[noreturn]] static void unexpected(const struct trapframe *frame, u64 code) {
    if (!from_user(frame))
        panic("unexpected exception", frame);
    int address = code == EXC_ADDRESS_LOAD || code == EXC_ADDRESS_STORE;
    kill(frame, code, cause_name[code] ? cause_name[code] : "exception", address ? STATUS_FAULT : STATUS_ILLEGAL);
}

// Sleepers whose time has come, or whose disk request is done, wake; and who was interrupted in user mode lets the
// others have a turn.
static void interrupt(const struct trapframe *frame) {
    if (frame->cause & CAUSE_DISK)
        disk_interrupt();
    if (frame->cause & CAUSE_TIMER) {
        timer_interrupt();
        wake_sleepers(timer_ticks());
    }
    if (from_user(frame))
        yield();
}

void trap(struct trapframe *frame) {
    u64 code = (frame->cause & CAUSE_CODE) >> CAUSE_CODE_SHIFT;
    switch (code) {
    case EXC_INTERRUPT:
        interrupt(frame);
        break;
    case EXC_MODIFIED:
    case EXC_LOAD:
    case EXC_STORE:
        memory_fault(frame, code);
        break;
    case EXC_SYSCALL:
        system_call(frame);
        break;
    default:
        unexpected(frame, code);
    }
    if (from_user(frame) && current->killed)
        proc_exit(STATUS_KILLED);
}
