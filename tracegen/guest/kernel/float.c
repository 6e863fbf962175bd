// Floating-point registers, switched lazily: on each CPU they stay those of the thread that used them last there, its
// owner, and who else uses one is stopped (float_use) until they are its own.
//
// A thread may go on on another CPU: where there is one, what an owner has is saved when it stops running.
#include "float.h"
#include "arch.h"
#include "proc.h"

// Whether this CPU's registers are what the thread has.
static int is_owner(const struct proc *p) {
    return this_cpu()->float_owner == p && p->float_cpu == this_cpu();
}

// Registers of the processor into the owner's memory, which stays the owner.
static void keep(void) {
    float_save(&this_cpu()->float_owner->floats);
}

// `p` stops running, and may next run elsewhere.
void float_leave(struct proc *p) {
    if (cpu_count == 1 || !is_owner(p))
        return;
    float_access();
    keep();
}

// Before `next` runs: only the owner finds the registers usable.
void float_switch(struct proc *next) {
    float_allow(frame_of(next), is_owner(next));
}

// The current thread used a floating-point register that is not its own.
void float_use(struct trapframe *frame) {
    float_allow(frame, 1);
    if (is_owner(current))
        return;
    float_access();
    if (cpu_count == 1 && this_cpu()->float_owner)
        keep();
    float_load(&current->floats);
    this_cpu()->float_owner = current;
    current->float_cpu = this_cpu();
}

// A child begins with what its parent has.
void float_fork(struct proc *child) {
    if (is_owner(current)) {
        float_access();
        keep();
    }
    memcpy(&child->floats, &current->floats, sizeof child->floats);
}

// A program begins with all registers zero, and rounding to nearest; so does a thread.
void float_begin(struct proc *p) {
    static const struct floats zero = FLOATS_BEGIN;
    memcpy(&p->floats, &zero, sizeof zero);
    float_drop(p);
}

// What `p` has in the registers is not needed any more.
void float_drop(struct proc *p) {
    if (is_owner(p)) {
        this_cpu()->float_owner = 0;
        float_allow(frame_of(p), 0);
    }
    p->float_cpu = 0;
}
