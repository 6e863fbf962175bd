// Floating-point registers, switched lazily: they stay those of the thread that used them last, the owner, and who else
// uses one is stopped (float_use) until they are its own.
#include "float.h"
#include "arch.h"
#include "proc.h"

static struct proc *owner; // 0 for nobody

// Registers of the processor into the owner's memory, which stays the owner.
static void keep(void) {
    float_save(&owner->floats);
}

// Before `next` runs: only the owner finds the registers usable.
void float_switch(struct proc *next) {
    float_allow(frame_of(next), next == owner);
}

// The current thread used a floating-point register that is not its own.
void float_use(struct trapframe *frame) {
    float_allow(frame, 1);
    if (owner == current)
        return;
    float_access();
    if (owner)
        keep();
    float_load(&current->floats);
    owner = current;
}

// A child begins with what its parent has.
void float_fork(struct proc *child) {
    if (owner == current) {
        float_access();
        keep();
    }
    memcpy(&child->floats, &current->floats, sizeof child->floats);
}

// A program begins with all registers zero, and rounding to nearest.
void float_begin(struct proc *p) {
    static const struct floats zero = FLOATS_BEGIN;
    memcpy(&p->floats, &zero, sizeof zero);
    float_drop(p);
}

// What `p` has in the registers is not needed any more.
void float_drop(struct proc *p) {
    if (owner == p) {
        owner = 0;
        float_allow(frame_of(p), 0);
    }
}
