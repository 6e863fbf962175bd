// Exceptions, told apart by cause.  vectors.S calls trap() with the frame it saved and interrupts off.
#include "causes.h"
#include "proc.h"
#include "space.h"

// Ends a process that cannot go on.
[[noreturn]] static void kill(const struct trapframe *frame, u64 cause, const char *why, u64 status) {
    enter(&filelock); // the line is not mixed with others
    proc_print_name();
    print(": killed: ");
    print(why);
    print(": pc ");
    print_hex(frame->pc);
    print(" cause ");
    print_decimal(cause);
    if (cause_has_address(cause)) {
        print(" address ");
        print_hex(frame->address);
    }
    print("\n");
    leave(&filelock);
    proc_exit(status);
}

// What a process did wrong is a signal to it, if it has a handler; else it ends.
static void wrong(struct trapframe *frame, u64 cause, const char *why, u64 status, u64 signal) {
    if (!signal_fault(frame, signal, cause_has_address(cause) ? frame->address : frame->pc))
        kill(frame, cause, why, status);
}

// The kernel's only accesses to user memory are those of user_copy.
static int in_user_copy(const struct trapframe *frame) {
    return frame->pc >= (u64)user_copy && frame->pc < (u64)user_copy_failed;
}

// Where the kernel copies for a process, the copy fails: what it holds meanwhile must be released.
static void memory_fault(struct trapframe *frame, u64 cause) {
    if (!current || (!from_user(frame) && !in_user_copy(frame)))
        panic("kernel memory fault", frame);
    struct guard *guard = lock_of(current->space);
    enter(guard);
    enum fault fault = vm_fault(current->space, frame->address, cause_needs(frame, cause), from_user(frame));
    leave(guard);
    if (fault == FAULT_RESOLVED)
        return;
    if (!from_user(frame))
        frame->pc = (u64)user_copy_failed;
    else if (fault == FAULT_NO_MEMORY)
        kill(frame, cause, "out of memory", STATUS_NO_MEMORY);
    else
        wrong(frame, cause, cause_name(frame, cause), STATUS_FAULT, SIGNAL_SEGV);
}

static void system_call(struct trapframe *frame, u64 cause) {
    const char *why = call_skip(frame);
    if (why)
        kill(frame, cause, why, STATUS_ILLEGAL);
    i64 result = syscall(frame_call(frame), frame_arguments(frame));
    frame_result(frame, (u64)result);
}

static void unexpected(struct trapframe *frame, u64 cause) {
    if (!from_user(frame))
        panic("unexpected exception", frame);
    const char *name = cause_name(frame, cause);
    int address = cause_is_address(cause);
    wrong(frame, cause, name ? name : "exception", address ? STATUS_FAULT : STATUS_ILLEGAL,
          address ? SIGNAL_SEGV : SIGNAL_ILL);
}

// Sleepers whose time has come, or whose disk request is done, wake, and for whom a packet comes; other CPUs' requests are served; and who was
// interrupted in user mode lets the others have a turn.
static void interrupt(const struct trapframe *frame) {
    if (interrupt_is_disk(frame))
        disk_interrupt();
    if (interrupt_is_net(frame))
        net_interrupt();
    if (interrupt_is_timer(frame))
        timer_interrupt();
    if (interrupt_is_ipi(frame)) {
        ipi_acknowledge();
        if (this_cpu()->shot)
            shootdown_serve();
    }
    interrupt_end();
    if (from_user(frame))
        yield();
}

void trap(struct trapframe *frame) {
    u64 cause = cause_of(frame);
    switch (trap_of(frame, cause)) {
    case TRAP_INTERRUPT:
        interrupt(frame);
        break;
    case TRAP_MEMORY:
        memory_fault(frame, cause);
        break;
    case TRAP_CALL:
        system_call(frame, cause);
        break;
    case TRAP_FLOAT:
        float_use(frame);
        break;
    case TRAP_OTHER:
        unexpected(frame, cause);
    }
    if (!from_user(frame))
        return;
    if (current->killed)
        proc_exit(current->killed);
    signal_take(frame);
}
