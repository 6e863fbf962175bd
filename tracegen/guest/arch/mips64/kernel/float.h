// Coprocessor 1.  A process may use it while its trap frame's Status says so.
#pragma once
#include "floats.h"
#include "trapframe.h"

// float.S
void float_access(void); // lets the kernel use the registers until it returns to user mode
void float_save(struct floats *to);
void float_load(const struct floats *from);

static inline void float_allow(struct trapframe *frame, int usable) {
    frame->status = usable ? frame->status | STATUS_CU1 : frame->status & ~(u64)STATUS_CU1;
}
