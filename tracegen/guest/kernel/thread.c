// Threads of a process: they share its space, its descriptors and its end.
//
// The process's first thread leads: it is who its parent waits for, and it is the last to go.  Another one that ended
// stays until it is joined, or the process ends.
#include "proc.h"

// A thread that begins at `entry` with `argument` and the stack that ends at `stack`.  Its id; -1 where there can be none.
i64 thread_create(u64 entry, u64 stack, u64 argument) {
    struct proc *leader = current->leader, *p = proc_create();
    if (!p)
        return -1;
    enter(&proclock);
    int refused = leader->ending;
    if (refused) {
        proc_remove(p);
    } else {
        p->leader = leader;
        p->file = leader->file;
        leader->threads++;
    }
    leave(&proclock);
    if (refused)
        return -1;
    proc_announce_name(p);
    proc_own(p, leader->space);
    frame_start(frame_of(p), entry, stack);
    frame_argument(frame_of(p), argument);
    float_begin(p);
    i64 id = (i64)p->id; // it may be gone before this returns
    sched_begin(p);
    return id;
}

// Ends the current thread, which does not lead.
[[noreturn]] static void end(void) {
    struct proc *p = current;
    float_drop(p);
    enter(&proclock);
    p->leader->threads--;
    wake(&p->leader->threads);
    wake(p);
    sched_end();
}

// The leader's end is the process's.
[[noreturn]] void thread_exit(void) {
    if (current->leader == current)
        proc_exit(0);
    end();
}

// Waits until a thread that ended is off its stack, and takes its place away.
static void bury(struct proc *p) {
    while (__atomic_load_n(&p->on_cpu, __ATOMIC_ACQUIRE))
        spin_wait();
    proc_remove(p);
}

static int is_thread_of(const struct proc *p, const struct proc *leader) {
    return p->state != UNUSED && p->leader == leader && p != leader;
}

// Waits for the end of another thread of the process.
i64 thread_join(u64 id) {
    struct proc *p = processes, *leader = current->leader;
    while (p < processes + MAX_PROCESSES && !(is_thread_of(p, leader) && p->id == id))
        p++;
    if (p == processes + MAX_PROCESSES || p == current)
        return -1;
    while (p->state != ZOMBIE)
        if (sleep_on(p, 0) || !is_thread_of(p, leader) || p->id != id)
            return -1; // killed, or another thread was faster
    bury(p);
    return 0;
}

// The process ends with `status`, if nobody else has begun that.  Only its leader comes back, when all others are gone.
void threads_end(u64 status) {
    struct proc *leader = current->leader;
    enter(&proclock);
    if (!leader->ending) {
        leader->ending = 1;
        leader->status = status;
        for (struct proc *p = processes; p < processes + MAX_PROCESSES; p++)
            if (p->state != UNUSED && p->state != ZOMBIE && p->leader == leader && p != current)
                wake_killed(p, STATUS_KILLED);
    }
    if (current != leader)
        end();
    while (leader->threads > 1)
        sleep(&leader->threads);
    for (struct proc *p = processes; p < processes + MAX_PROCESSES; p++)
        if (is_thread_of(p, leader))
            bury(p);
    leave(&proclock);
}
