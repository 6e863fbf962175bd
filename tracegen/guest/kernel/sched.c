// Who runs: each CPU's threads in turn, a tick at most; its idle thread when none waits and none can be had elsewhere.
//
// A thread that can run waits in the queue of one CPU: that where it ran last, unless another is idle.  A CPU whose queue
// is empty takes from the others'.  The kernel itself is never preempted: a thread gives up the processor in schedule()
// and nowhere else.  It may be chosen by another CPU before it is off its own stack, which `on_cpu` tells.
//
// The first CPU's idle thread is the one that booted.
#include "announce.h"
#include "proc.h"

static struct lock sleeplock; // of who sleeps, for what, and who wakes
static u64 awake = 0;         // threads that neither sleep nor have ended

static void enqueue(struct cpu *cpu, struct proc *p) {
    lock_take(&cpu->queue_lock);
    p->next = 0;
    *(cpu->first ? &cpu->last->next : &cpu->first) = p;
    cpu->last = p;
    lock_give(&cpu->queue_lock);
}

// Only the idle thread waits until another CPU is off a thread's stack: nobody waits for the idle thread.
static int may_take(const struct proc *p) {
    return !current || p == current || !__atomic_load_n(&p->on_cpu, __ATOMIC_ACQUIRE);
}

static struct proc *dequeue(struct cpu *cpu) {
    if (!__atomic_load_n(&cpu->first, __ATOMIC_RELAXED))
        return 0;
    lock_take(&cpu->queue_lock);
    struct proc *before = 0, *p = cpu->first;
    for (; p && !may_take(p); p = p->next)
        before = p;
    if (p) {
        *(before ? &before->next : &cpu->first) = p->next;
        if (cpu->last == p)
            cpu->last = before;
    }
    lock_give(&cpu->queue_lock);
    return p;
}

// Who waited longest here, or else at the next CPU where anyone waits; 0 for none.
static struct proc *pick(void) {
    u64 here = this_cpu()->number;
    struct proc *p = 0;
    for (u64 i = 0; i < cpu_count && !p; i++)
        p = dequeue(cpus + (here + i < cpu_count ? here + i : here + i - cpu_count));
    return p;
}

static int is_idle(const struct cpu *cpu) {
    return !__atomic_load_n(&cpu->running, __ATOMIC_RELAXED) && !__atomic_load_n(&cpu->first, __ATOMIC_RELAXED);
}

// The CPU whose queue a thread joins.
static struct cpu *place_for(const struct proc *p) {
    if (!is_idle(p->cpu))
        for (u64 i = 0; i < cpu_count; i++)
            if (is_idle(cpus + i))
                return cpus + i;
    return p->cpu;
}

// A thread that is neither running nor waiting for a turn waits for one.
static void make_runnable(struct proc *p) {
    struct cpu *cpu = place_for(p);
    int interrupt = cpu != this_cpu() && !cpu->running;
    p->state = RUNNABLE;
    awake++;
    enqueue(cpu, p);
    if (interrupt)
        ipi_send(cpu->number);
}

// A new thread gets its first turn.
void sched_begin(struct proc *p) {
    lock_take(&sleeplock);
    p->cpu = this_cpu();
    make_runnable(p);
    lock_give(&sleeplock);
}

static struct context *context_of(struct cpu *cpu, struct proc *p) {
    return p ? &p->context : &cpu->idle;
}

// Who ran before on this CPU is off its stack.  Each thread's first act when it was switched to.
void switch_end(void) {
    struct cpu *cpu = this_cpu();
    if (cpu->before)
        __atomic_store_n(&cpu->before->on_cpu, 0, __ATOMIC_RELEASE);
}

static void switch_to(struct proc *next) {
    struct cpu *cpu = this_cpu();
    struct proc *before = cpu->before = cpu->running;
    u64 number = thread_here();
    if (before)
        float_leave(before);
    cpu->running = next;
    if (next) {
        while (__atomic_load_n(&next->on_cpu, __ATOMIC_ACQUIRE))
            spin_wait();
        next->on_cpu = 1;
        next->cpu = cpu;
        next->state = RUNNING;
        stack_use((u64)KERNEL(next->stack) + PAGE_BYTES);
        space_use(next->space);
        float_switch(next);
    }
    ANNOUNCE2(ANNOUNCE_THREAD_SWITCH, number, thread_here());
    context_switch(context_of(cpu, before), context_of(cpu, next));
    switch_end();
}

// Gives up the processor; returns when the current thread is chosen again.  Its state says what it waits for.
void schedule(void) {
    struct proc *next = pick();
    if (next == current)
        next->state = RUNNING;
    else
        switch_to(next);
}

void yield(void) {
    struct cpu *cpu = this_cpu();
    if (!__atomic_load_n(&cpu->first, __ATOMIC_RELAXED))
        return;
    current->state = RUNNABLE;
    enqueue(cpu, current);
    schedule();
}

// Sleeps until wake(channel) or, if that is not 0, tick `deadline`.  Monitors are given up meanwhile: who wakes is inside
// the one that the caller looked in, and so finds the sleeper.
// Whether a thread has to leave the kernel: it was killed, or a signal waits.
static int goes_home(const struct proc *p) {
    return p->killed || signal_waits(p);
}

static void sleep_until(const void *channel, u64 deadline, int stop_if_killed) {
    struct proc *p = current;
    struct held kept;
    lock_take(&sleeplock);
    if ((stop_if_killed && goes_home(p)) || (deadline && deadline <= timer_ticks())) {
        lock_give(&sleeplock);
        return;
    }
    p->channel = channel;
    p->deadline = deadline;
    p->state = SLEEPING;
    awake--;
    lock_give(&sleeplock);
    give_up_guards(&kept);
    schedule();
    take_back_guards(&kept);
}

// Sleeps until wake(channel), killed or not.  The caller looks again whether what it waits for is there.
void sleep(const void *channel) {
    sleep_until(channel, 0, 0);
}

// The same until tick `tick`.
void sleep_up_to(const void *channel, u64 tick) {
    sleep_until(channel, tick, 0);
}

// The same until tick `deadline`, if that is not 0, and not beyond a kill.  -1 for a killed thread, which must go home.
int sleep_on(const void *channel, u64 deadline) {
    sleep_until(channel, deadline, 1);
    return goes_home(current) ? -1 : 0;
}

// Ends the current thread: it runs no more.
[[noreturn]] void sched_end(void) {
    struct held kept;
    lock_take(&sleeplock);
    current->state = ZOMBIE;
    awake--;
    lock_give(&sleeplock);
    give_up_guards(&kept);
    schedule();
    panic("a zombie ran", 0);
}

// Wakes at most `most` of those who sleep for `channel`.  How many there were.
u64 wake_some(const void *channel, u64 most) {
    u64 woken = 0;
    lock_take(&sleeplock);
    for (struct proc *p = processes; p < processes + MAX_PROCESSES && woken < most; p++)
        if (p->state == SLEEPING && p->channel == channel) {
            make_runnable(p);
            woken++;
        }
    lock_give(&sleeplock);
    return woken;
}

void wake(const void *channel) {
    wake_some(channel, MAX_PROCESSES);
}

// A kill cuts a sleep short.
void wake_killed(struct proc *p, u64 status) {
    p->killed = status;
    wake_signalled(p);
}

// A thread was sent a signal: a sleep is cut short.
void wake_signalled(struct proc *p) {
    lock_take(&sleeplock);
    if (p->state == SLEEPING)
        make_runnable(p);
    lock_give(&sleeplock);
}

void wake_sleepers(u64 tick) {
    lock_take(&sleeplock);
    for (struct proc *p = processes; p < processes + MAX_PROCESSES; p++)
        if (p->state == SLEEPING && p->deadline && p->deadline <= tick)
            make_runnable(p);
    lock_give(&sleeplock);
}

// Whether all sleep and nobody can wake them: only the disk, the network or a deadline does while none runs.
static int is_stuck(void) {
    lock_take(&sleeplock);
    int stuck = !awake && !disk_owes_answer();
    for (struct proc *p = processes; p < processes + MAX_PROCESSES && stuck; p++)
        stuck = p->state != SLEEPING || !p->deadline;
    stuck = stuck && !net_may_wake();
    lock_give(&sleeplock);
    return stuck;
}

[[noreturn]] void idle(void) {
    ANNOUNCE1(ANNOUNCE_SERVICE_ENTER, SERVICE_IDLE);
    for (;;) {
        struct proc *next = pick();
        if (next)
            switch_to(next);
        else if (is_stuck())
            panic("every process waits for another", 0);
        else
            idle_wait();
    }
}
