// Who runs: every process in turn, a tick at most; the idle thread when none can.
//
// The kernel itself is never preempted: a process gives up the processor in schedule() and nowhere else.  The idle
// thread is the one that booted; it has the boot stack, number 0 and no process.
#include "announce.h"
#include "arch.h"
#include "proc.h"

static struct context idle_context;

// The next runnable process after the current one, itself last; 0 for none.
static struct proc *pick(void) {
    u64 after = thread_of(current); // index of the process behind the current one
    for (u64 i = 0; i < MAX_PROCESSES; i++) {
        struct proc *p = processes + (after + i) % MAX_PROCESSES;
        if (p->state == RUNNABLE)
            return p;
    }
    return 0;
}

static struct context *context_of(struct proc *p) {
    return p ? &p->context : &idle_context;
}

static void switch_to(struct proc *next) {
    struct proc *before = current;
    current = next;
    if (next) {
        next->state = RUNNING;
        stack_use((u64)KERNEL(next->stack) + PAGE_BYTES);
        space_use(next->space);
        float_switch(next);
    }
    ANNOUNCE2(ANNOUNCE_THREAD_SWITCH, thread_of(before), thread_of(next));
    context_switch(context_of(before), context_of(next));
}

// Gives up the processor; returns when the current process is chosen again.  Its state says what it waits for.
void schedule(void) {
    struct proc *next = pick();
    if (next == current)
        next->state = RUNNING;
    else
        switch_to(next);
}

void yield(void) {
    current->state = RUNNABLE;
    schedule();
}

// Sleeps until wake(channel), killed or not.  The caller looks again whether what it waits for is there.
void sleep(const void *channel) {
    current->channel = channel;
    current->deadline = 0;
    current->state = SLEEPING;
    schedule();
}

// The same until tick `deadline`, if that is not 0, and not beyond a kill.  -1 for a killed process, which must go home.
int sleep_on(const void *channel, u64 deadline) {
    if (current->killed)
        return -1;
    current->channel = channel;
    current->deadline = deadline;
    current->state = SLEEPING;
    schedule();
    return current->killed ? -1 : 0;
}

void wake(const void *channel) {
    for (struct proc *p = processes; p < processes + MAX_PROCESSES; p++)
        if (p->state == SLEEPING && p->channel == channel)
            p->state = RUNNABLE;
}

void wake_sleepers(u64 tick) {
    for (struct proc *p = processes; p < processes + MAX_PROCESSES; p++)
        if (p->state == SLEEPING && p->deadline && p->deadline <= tick)
            p->state = RUNNABLE;
}

// Only the disk or a deadline can wake a process while none runs.
static int can_wake(void) {
    if (disk_owes_answer())
        return 1;
    for (struct proc *p = processes; p < processes + MAX_PROCESSES; p++)
        if (p->state == SLEEPING && p->deadline)
            return 1;
    return 0;
}

[[noreturn]] void idle(void) {
    ANNOUNCE1(ANNOUNCE_SERVICE_ENTER, SERVICE_IDLE);
    for (;;) {
        struct proc *next = pick();
        if (next)
            switch_to(next);
        else if (can_wake())
            idle_wait();
        else
            panic("every process waits for another", 0);
    }
}
