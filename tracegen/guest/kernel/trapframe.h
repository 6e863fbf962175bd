// What an exception leaves on the kernel stack.  vectors.S stores by these offsets; trap.c reads the struct.
#pragma once

#define TF_REG(n) ((n)*8)
#define TF_HI 256
#define TF_LO 264
#define TF_STATUS 272
#define TF_CAUSE 280
#define TF_EPC 288
#define TF_BADVADDR 296
#define TF_BYTES 304

#ifndef __ASSEMBLER__
#include "types.h"

struct trapframe {
    u64 reg[32]; // k0 and k1 belong to the vectors and are not kept
    u64 hi, lo;
    u64 status, cause, epc, badvaddr;
};

#define REG_V0 2
#define REG_A0 4
#define REG_SP 29
#define REG_RA 31

static_assert(sizeof(struct trapframe) == TF_BYTES, "trapframe.h agrees with itself");
static_assert(__builtin_offsetof(struct trapframe, badvaddr) == TF_BADVADDR, "trapframe.h agrees with itself");
#endif
