// What each CPU has for itself.  this_cpu() of arch.h finds it; who sleeps may wake on another.
#pragma once
#include "arch.h"
#include "kernel.h"
#include "lock.h"
#include "param.h"
#include "trapframe.h"

struct cpu {
    struct cpu_arch arch;  // first: vectors.S knows its places
    u64 number;
    struct proc *running;  // 0 while the idle thread runs
    struct proc *before;   // whom the running thread replaced, until the switch is over
    struct space *space;   // whose entries the hardware uses; 0 for none
    struct proc *float_owner; // whose floating-point registers it has (float.c)
    struct context idle;   // the idle thread, while it does not run
    struct held held;      // guards that whoever runs is in
    u64 alarm;             // when its next tick is due
    int shot;              // another CPU waits until this one has forgotten some entries
    struct lock queue_lock;
    struct proc *first, *last; // who waits for a turn here
};

extern struct cpu cpus[MAX_CPUS];
extern u64 cpu_count; // that run

// Of the thread that runs here; 0 in the idle thread.
#define current (this_cpu()->running)

// cpu.c
void cpu_start_others(void);

// shootdown.c
void shootdown(struct space *space, u64 va);
void shootdown_serve(void);

// Between two looks at what another CPU is to change.
static inline void spin_wait(void) {
    if (this_cpu()->shot)
        shootdown_serve();
    cpu_relax();
}
