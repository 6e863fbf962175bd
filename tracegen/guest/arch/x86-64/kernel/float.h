// Vector registers.  Who may not use them is stopped by CR0.TS.
#pragma once
#include "arch.h"
#include "floats.h"
#include "trapframe.h"

// float.S
void float_save(struct floats *to);
void float_load(const struct floats *from);

static inline void float_access(void) {
}

// CR0 is written only where that changes it: it is a crossing under a monitor.
static inline void float_allow(struct trapframe *, int usable) {
    struct cpu_arch *arch = (struct cpu_arch *)this_cpu();
    if (usable == arch->floats_usable)
        return;
    arch->floats_usable = usable;
    if (usable)
        __asm__ volatile("clts" ::: "memory");
    else
        write_cr0(read_cr0() | CR0_TS);
}
