// What an exception leaves on the kernel stack, and a thread that does not run in its context.  vectors.S and switch.S
// store by these offsets; the kernel reads the structs, and knows their fields `pc` and `address` only.
#pragma once

#define TF_RDI 0
#define TF_RSI 8
#define TF_RDX 16
#define TF_RAX 24
#define TF_RCX 32
#define TF_RBX 40
#define TF_RBP 48
#define TF_R(n) (56 + ((n)-8) * 8)
#define TF_ADDRESS 120
#define TF_CAUSE 136
#define TF_ERROR 144
#define TF_PC 152
#define TF_CS 160
#define TF_FLAGS 168
#define TF_SP 176
#define TF_SS 184
#define TF_BYTES 192

#define CAUSE_PAGE_FAULT 14
#define CAUSE_CALL 0x100 // not a vector: the syscall instruction

#ifndef __ASSEMBLER__
#include "cpu.h"
#include "lib.h"

struct trapframe {
    u64 argument[3]; // rdi, rsi, rdx
    u64 rax, rcx, rbx, rbp, r8, r9, r10, r11, r12, r13, r14, r15;
    u64 address;     // CR2 of a page fault
    u64 unused;      // the stack is a multiple of 16
    u64 cause;       // vector, or CAUSE_CALL
    u64 error;       // from here on, the hardware's
    u64 pc, cs, flags, sp, ss;
};

static_assert(sizeof(struct trapframe) == TF_BYTES, "trapframe.h agrees with itself");
static_assert(__builtin_offsetof(struct trapframe, address) == TF_ADDRESS, "trapframe.h agrees with itself");

static inline int from_user(const struct trapframe *frame) {
    return (frame->cs & 3) != 0;
}

// A frame from which user mode begins, with zero in every other register.
static inline void frame_start(struct trapframe *frame, u64 entry, u64 stack) {
    memset(frame, 0, sizeof *frame);
    frame->pc = entry;
    frame->cs = USER_CODE;
    frame->flags = FLAGS_IF | FLAGS_FIXED;
    frame->sp = stack;
    frame->ss = USER_DATA;
}

// What a function there finds as its first argument.
static inline void frame_argument(struct trapframe *frame, u64 value) {
    frame->argument[0] = value;
}

// System calls: number in rax, arguments in rdi, rsi, rdx, result in rax.
static inline u64 frame_call(const struct trapframe *frame) {
    return frame->rax;
}

static inline const u64 *frame_arguments(const struct trapframe *frame) {
    return frame->argument;
}

static inline void frame_result(struct trapframe *frame, u64 value) {
    frame->rax = value;
}

#define RED_ZONE 128      // below the stack, that functions use, too
#define FLAGS_OF_USER 0x8d5 // what arithmetic says

// Room for `bytes` below the stack; a function that is called finds its return address there, 8 off a multiple of 16.
static inline u64 frame_room(const struct trapframe *frame, u64 bytes) {
    return ((frame->sp - RED_ZONE - bytes) & ~15UL) - 8;
}

// Goes on in a signal's handler, above `room`, which begins with where it returns to.
static inline void frame_handle(struct trapframe *frame, u64 handler, u64, u64 room, u64 signal, u64 address) {
    frame->argument[0] = signal;
    frame->argument[1] = address;
    frame->sp = room;
    frame->pc = handler;
    frame->flags = FLAGS_IF | FLAGS_FIXED;
}

// The room that the handler which returned was given: its return took the first word.
static inline u64 frame_room_used(const struct trapframe *frame) {
    return frame->sp - 8;
}

// Goes on as `saved`, of which only what the user may change counts.  All registers come back: not as from a call.
static inline void frame_resume(struct trapframe *frame, const struct trapframe *saved) {
    memcpy(frame, saved, sizeof *frame);
    frame->cause = frame->error = 0;
    frame->cs = USER_CODE;
    frame->ss = USER_DATA;
    frame->flags = (saved->flags & FLAGS_OF_USER) | FLAGS_IF | FLAGS_FIXED;
}

// For a panic: each register that may tell something.
static inline void frame_print(const struct trapframe *frame, void (*field)(const char *name, u64 value)) {
    field(": cause ", frame->cause);
    field(" error ", frame->error);
    field(" pc ", frame->pc);
    field(" address ", frame->address);
    field(" flags ", frame->flags);
    field(" sp ", frame->sp);
}

// What context_switch keeps: the registers that a C function may not change.
struct context {
    u64 rbx, rbp, r12, r13, r14, r15, sp;
};

// A thread whose stack ends in `frame`, and where it begins: the switch returns there.
static inline void context_stack(struct context *context, struct trapframe *frame) {
    context->sp = (u64)frame - 8;
}

static inline void context_begin(struct context *context, void (*at)(void)) {
    *(u64 *)context->sp = (u64)at;
}
#endif
