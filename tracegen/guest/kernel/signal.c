// Signals.  A process's first thread takes them when it next returns to user mode: its registers go to its stack, and it
// goes on in the handler, whose return leads to signal_return by way of code that the process named.  A mistake of its
// own is taken by the thread that made it, at once, and the process ends where it has no handler, or is in it.
//
// Floating-point registers are not kept: a handler must not use them.
#include "announce.h"
#include "proc.h"

enum { DEFAULT, IGNORED }; // in place of a handler

// What a handler returns to, from the stack's lowest address up.
struct interrupted {
    u64 back; // the address of the code that calls signal_return
    u64 blocked;
    struct trapframe frame;
};

static u64 bit_of(u64 signal) {
    return 1UL << signal;
}

static int is_signal(u64 signal) {
    return signal && signal < SIGNALS;
}

// Inside proclock.  -1 where there is no such signal.
int signal_post(struct proc *p, u64 signal) {
    if (!is_signal(signal))
        return -1;
    u64 handler = p->signals.handler[signal];
    if (handler == IGNORED || (handler == DEFAULT && signal == SIGNAL_CHILD))
        return 0;
    if (handler == DEFAULT) {
        wake_killed(p, STATUS_KILLED - SIGNAL_TERM + signal);
    } else {
        __atomic_fetch_or(&p->signals.pending, bit_of(signal), __ATOMIC_RELEASE);
        if (signal != SIGNAL_CHILD)
            wake_signalled(p);
    }
    return 0;
}

// Whether a thread has to leave the kernel for a signal.  The end of a child interrupts nothing.
int signal_waits(const struct proc *p) {
    return (p->signals.pending & ~p->signals.blocked & ~bit_of(SIGNAL_CHILD)) != 0;
}

// Inside proclock.  The handler before, or -1; `back` is where handlers return to.
i64 signal_action(u64 signal, u64 handler, u64 back) {
    struct signals *signals = &current->leader->signals;
    if (!is_signal(signal) || signal == SIGNAL_KILL || handler >= USER_TOP || back >= USER_TOP)
        return -1;
    u64 before = signals->handler[signal];
    signals->handler[signal] = handler;
    signals->back = back;
    if (handler <= IGNORED)
        __atomic_fetch_and(&signals->pending, ~bit_of(signal), __ATOMIC_RELAXED);
    return (i64)before;
}

// Makes the thread go on in the handler.  -1 where its stack cannot take what it interrupts.
static int deliver(struct trapframe *frame, u64 signal, u64 address) {
    struct signals *signals = &current->leader->signals;
    struct interrupted saved;
    saved.back = signals->back;
    saved.blocked = signals->blocked;
    ANNOUNCE1(ANNOUNCE_SERVICE_ENTER, SERVICE_SIGNAL);
    memcpy(&saved.frame, frame, sizeof saved.frame);
    u64 room = frame_room(frame, sizeof saved);
    int failed = copy_out(room, &saved, sizeof saved);
    if (!failed) {
        signals->blocked |= bit_of(signal);
        frame_handle(frame, signals->handler[signal], signals->back, room, signal, address);
    }
    ANNOUNCE0(ANNOUNCE_SERVICE_EXIT);
    return failed;
}

// The thread that returns to user mode takes what its process was sent.
void signal_take(struct trapframe *frame) {
    struct signals *signals = &current->signals; // nobody sends to other threads than the first
    for (u64 signal = 1; signals->pending & ~signals->blocked && signal < SIGNALS; signal++) {
        if (!(signals->pending & ~signals->blocked & bit_of(signal)))
            continue;
        __atomic_fetch_and(&signals->pending, ~bit_of(signal), __ATOMIC_ACQUIRE);
        if (deliver(frame, signal, 0))
            proc_exit(STATUS_FAULT);
    }
}

// Whether the process handles a mistake of its own, about `address`.
int signal_fault(struct trapframe *frame, u64 signal, u64 address) {
    const struct signals *signals = &current->leader->signals;
    return signals->handler[signal] > IGNORED && !(signals->blocked & bit_of(signal)) &&
           deliver(frame, signal, address) == 0;
}

// Goes on where a handler interrupted the thread.  The result of the call is what that register had.
i64 signal_return(void) {
    struct trapframe *frame = frame_of(current);
    struct interrupted saved;
    if (copy_in(&saved, frame_room_used(frame), sizeof saved) || saved.frame.pc >= USER_TOP)
        proc_exit(STATUS_FAULT);
    current->leader->signals.blocked = saved.blocked;
    frame_resume(frame, &saved.frame);
    return (i64)frame_call(frame);
}

// A new program has no handlers; what is ignored stays so.
void signal_reset(struct proc *p) {
    for (u64 signal = 1; signal < SIGNALS; signal++)
        if (p->signals.handler[signal] != IGNORED)
            p->signals.handler[signal] = DEFAULT;
    p->signals.pending = p->signals.blocked = 0;
}

// A child handles what its parent does, and was sent nothing yet.
void signal_fork(struct proc *child) {
    memcpy(&child->signals, &current->leader->signals, sizeof child->signals);
    child->signals.pending = 0;
}
