// What an exception leaves on the kernel stack, and a thread that does not run in its context.  vectors.S and switch.S
// store by these offsets; the kernel reads the structs, and knows their fields `pc` and `address` only.
#pragma once

#define TF_REG(n) ((n)*8)
#define TF_HI 256
#define TF_LO 264
#define TF_STATUS 272
#define TF_CAUSE 280
#define TF_PC 288
#define TF_ADDRESS 296
#define TF_BYTES 304

#ifndef __ASSEMBLER__
#include "cp0.h"
#include "lib.h"

struct trapframe {
    u64 reg[32]; // k0 and k1 belong to the vectors and are not kept
    u64 hi, lo;
    u64 status, cause;
    u64 pc;      // EPC
    u64 address; // BadVAddr
};

#define REG_V0 2
#define REG_A0 4
#define REG_SP 29
#define REG_RA 31

static_assert(sizeof(struct trapframe) == TF_BYTES, "trapframe.h agrees with itself");
static_assert(__builtin_offsetof(struct trapframe, address) == TF_ADDRESS, "trapframe.h agrees with itself");

static inline int from_user(const struct trapframe *frame) {
    return (frame->status & STATUS_KSU) != 0;
}

// A frame from which user mode begins, with zero in every other register.
static inline void frame_start(struct trapframe *frame, u64 entry, u64 stack) {
    memset(frame, 0, sizeof *frame);
    frame->pc = entry;
    frame->reg[REG_SP] = stack;
    frame->status = STATUS_XX | STATUS_LINES | STATUS_UX | STATUS_KX | STATUS_USER | STATUS_EXL | STATUS_IE;
}

// What a function there finds as its first argument.
static inline void frame_argument(struct trapframe *frame, u64 value) {
    frame->reg[REG_A0] = value;
}

// System calls: number in v0, arguments from a0, result in v0.
static inline u64 frame_call(const struct trapframe *frame) {
    return frame->reg[REG_V0];
}

static inline const u64 *frame_arguments(const struct trapframe *frame) {
    return &frame->reg[REG_A0];
}

static inline void frame_result(struct trapframe *frame, u64 value) {
    frame->reg[REG_V0] = value;
}

// Room for `bytes` below the stack.
static inline u64 frame_room(const struct trapframe *frame, u64 bytes) {
    return (frame->reg[REG_SP] - bytes) & ~15UL;
}

// Goes on in a signal's handler, above `room`, and from there at `back`.
static inline void frame_handle(struct trapframe *frame, u64 handler, u64 back, u64 room, u64 signal, u64 address) {
    frame->reg[REG_A0] = signal;
    frame->reg[REG_A0 + 1] = address;
    frame->reg[REG_SP] = room;
    frame->reg[REG_RA] = back;
    frame->pc = handler;
}

// The room that the handler which returned was given.
static inline u64 frame_room_used(const struct trapframe *frame) {
    return frame->reg[REG_SP];
}

// Goes on as `saved`, of which only what the user may change counts.
static inline void frame_resume(struct trapframe *frame, const struct trapframe *saved) {
    u64 status = frame->status;
    memcpy(frame, saved, sizeof *frame);
    frame->status = status;
}

// For a panic: each register that may tell something.
static inline void frame_print(const struct trapframe *frame, void (*field)(const char *name, u64 value)) {
    field(": cause ", (frame->cause & CAUSE_CODE) >> CAUSE_CODE_SHIFT);
    field(" pc ", frame->pc);
    field(" address ", frame->address);
    field(" status ", frame->status);
    field(" sp ", frame->reg[REG_SP]);
    field(" ra ", frame->reg[REG_RA]);
}

// What context_switch keeps: the registers that a C function may not change, but for gp, which is the CPU's.
struct context {
    u64 s[8], sp, fp, ra;
};

// A thread whose stack ends in `frame`, and where it begins.
static inline void context_stack(struct context *context, struct trapframe *frame) {
    context->sp = (u64)frame;
}

static inline void context_begin(struct context *context, void (*at)(void)) {
    context->ra = (u64)at;
}
#endif
