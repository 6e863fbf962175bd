// Exceptions of x86-64, told apart for trap.c.
#pragma once
#include "arch.h"
#include "trap.h"

#define CAUSE_FLOAT 7 // CR0.TS
#define CAUSE_STACK 12
#define CAUSE_ALIGNMENT 17

#define ERROR_PRESENT 1 // of a page fault: the entry was there, and did not allow the access
#define ERROR_STORE 2
#define ERROR_FETCH 16

static const char *const cause_names[32] = {
    [0] = "division", [1] = "debug", [3] = "break", [4] = "overflow", [5] = "bound", [6] = "reserved instruction",
    [CAUSE_FLOAT] = "floating point", [CAUSE_STACK] = "bad stack address", [13] = "privileged instruction or address",
    [CAUSE_ALIGNMENT] = "misaligned address",
};

static inline u64 cause_of(const struct trapframe *frame) {
    return frame->cause;
}

static inline enum trap trap_of(const struct trapframe *frame, u64 cause) {
    switch (cause) {
    case CAUSE_PAGE_FAULT:
        return TRAP_MEMORY;
    case CAUSE_CALL:
        return TRAP_CALL;
    case CAUSE_FLOAT:
        return from_user(frame) ? TRAP_FLOAT : TRAP_OTHER;
    default:
        return cause < sizeof cause_names / sizeof *cause_names ? TRAP_OTHER : TRAP_INTERRUPT;
    }
}

// What a user reads; 0 for what cannot be.
static inline const char *cause_name(const struct trapframe *frame, u64 cause) {
    if (cause != CAUSE_PAGE_FAULT)
        return cause_names[cause];
    if (!(frame->error & ERROR_PRESENT))
        return "bad address";
    if (frame->address >= USER_TOP)
        return "privileged address";
    return frame->error & ERROR_FETCH ? "jump to data" : "store to read-only memory";
}

// The right that the access needs.
static inline u64 cause_needs(const struct trapframe *frame, u64) {
    if (frame->error & ERROR_FETCH)
        return MAP_EXECUTE;
    return frame->error & ERROR_STORE ? MAP_WRITE : MAP_READ;
}

static inline int cause_has_address(u64 cause) {
    return cause == CAUSE_PAGE_FAULT;
}

// Whether an exception that is no page fault is about an address all the same.
static inline int cause_is_address(u64 cause) {
    return cause == CAUSE_STACK || cause == CAUSE_ALIGNMENT;
}

// The frame names the instruction behind the system call.
static inline const char *call_skip(struct trapframe *) {
    return 0;
}

static inline int interrupt_is_disk(const struct trapframe *frame) {
    return frame->cause == VECTOR_DISK;
}

static inline int interrupt_is_net(const struct trapframe *frame) {
    return frame->cause == VECTOR_NET;
}

static inline int interrupt_is_timer(const struct trapframe *frame) {
    return frame->cause == VECTOR_TIMER;
}

static inline int interrupt_is_ipi(const struct trapframe *frame) {
    return frame->cause == VECTOR_IPI;
}

// Takes the IPIs back that have come: delivery did.
static inline void ipi_acknowledge(void) {
}

// The interrupt is served: the controller may deliver the next.
static inline void interrupt_end(void) {
    write_msr(MSR_APIC_EOI, 0);
}
