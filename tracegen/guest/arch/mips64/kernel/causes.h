// Exceptions of the R10000, told apart for trap.c.
#pragma once
#include "arch.h"
#include "trap.h"

static const char *const cause_names[32] = {
    [EXC_MODIFIED] = "store to read-only memory", [EXC_LOAD] = "bad address", [EXC_STORE] = "bad address",
    [EXC_ADDRESS_LOAD] = "misaligned or privileged address", [EXC_ADDRESS_STORE] = "misaligned or privileged address",
    [EXC_BREAK] = "break", [EXC_RESERVED] = "reserved instruction", [EXC_COPROCESSOR] = "privileged instruction",
    [EXC_OVERFLOW] = "overflow", [EXC_TRAP] = "trap",
};

static inline u64 cause_of(const struct trapframe *frame) {
    return (frame->cause & CAUSE_CODE) >> CAUSE_CODE_SHIFT;
}

static inline enum trap trap_of(const struct trapframe *frame, u64 cause) {
    switch (cause) {
    case EXC_INTERRUPT:
        return TRAP_INTERRUPT;
    case EXC_MODIFIED:
    case EXC_LOAD:
    case EXC_STORE:
        return TRAP_MEMORY;
    case EXC_SYSCALL:
        return TRAP_CALL;
    case EXC_COPROCESSOR:
        return from_user(frame) && (frame->cause & CAUSE_UNIT) == CAUSE_UNIT_1 ? TRAP_FLOAT : TRAP_OTHER;
    default:
        return TRAP_OTHER;
    }
}

// What a user reads; 0 for what cannot be.
static inline const char *cause_name(const struct trapframe *, u64 cause) {
    return cause_names[cause];
}

// The right that the access needs: nothing tells a jump from a load.
static inline u64 cause_needs(const struct trapframe *, u64 cause) {
    return cause == EXC_LOAD ? MAP_READ : MAP_WRITE;
}

// Whether the frame has an address: other exceptions leave BadVAddr as it was.
static inline int cause_has_address(u64 cause) {
    return cause >= EXC_MODIFIED && cause <= EXC_ADDRESS_STORE;
}

// Whether an exception that is no page fault is about the address all the same.
static inline int cause_is_address(u64 cause) {
    return cause == EXC_ADDRESS_LOAD || cause == EXC_ADDRESS_STORE;
}

// EPC names the syscall instruction; the process goes on behind it.  0, or why it cannot: one in a delay slot could not
// be skipped.
static inline const char *call_skip(struct trapframe *frame) {
    if (frame->cause & CAUSE_BD)
        return "system call in a delay slot";
    frame->pc += 4;
    return 0;
}

// Who interrupts; more than one may.
static inline int interrupt_is_disk(const struct trapframe *frame) {
    return (frame->cause & CAUSE_DISK) != 0;
}

static inline int interrupt_is_net(const struct trapframe *frame) {
    return (frame->cause & CAUSE_NET) != 0;
}

static inline int interrupt_is_timer(const struct trapframe *frame) {
    return (frame->cause & CAUSE_TIMER) != 0;
}

static inline int interrupt_is_ipi(const struct trapframe *frame) {
    return (frame->cause & CAUSE_IPI) != 0;
}

// Takes the IPIs back that have come: what they were sent for is looked at after this.
static inline void ipi_acknowledge(void) {
    device_write(IPI_ACKNOWLEDGE, device_read(IPI_PENDING));
}

// The interrupt is served: its source took it back.
static inline void interrupt_end(void) {
}
