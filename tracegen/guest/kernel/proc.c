// Processes: born by fork, filled by exec, ended by exit, buried by their parent's wait.
#include "announce.h"
#include "fs.h"
#include "nfs.h"
#include "proc.h"
#include "space.h"

// Goes on as the program that `line` names, in a space of its own; -1, and nothing has changed, where that cannot be.
static i64 exec(const struct arguments *line) {
    u64 entry;
    enter(&filelock);
    struct inode *file = exec_find(line);
    struct space *space = file ? exec_load(file, &entry) : 0, *before = current->space;
    if (file)
        inode_put(file);
    leave(&filelock);
    if (!space)
        return -1;
    memcpy(&current->arguments, line, sizeof *line);
    proc_announce_name(current);
    proc_own(current, space);
    space_use(space);
    space_destroy(before);
    frame_start(frame_of(current), entry, USER_TOP);
    float_begin(current);
    signal_reset(current);
    return 0;
}

// What the first process does in the kernel, where it can sleep, before it is in user mode (switch.S): it makes the
// disk and the network usable and becomes the program that the boot argument string names.
void proc_first(void) {
    enter(&filelock);
    if (path_mount_disk())
        panic("no file system on the disk", 0);
    leave(&filelock);
    net_init();
    if (exec(&current->arguments) == 0)
        return;
    int there = exec_find(&current->arguments) != 0;
    proc_print_name();
    print(there ? ": no program, or memory is out\n" : ": no such program\n");
    power_off(there ? STATUS_NO_MEMORY : STATUS_USAGE);
}

// Makes the first process, with an empty space, and lets all CPUs look for work.
[[noreturn]] void proc_start(const char *line) {
    struct proc *p = proc_create();
    struct space *space = space_create();
    if (!p || !space)
        panic("no memory for the first process", 0);
    const char *why = arguments_begin(&p->arguments, line);
    if (why)
        panic(why, 0);
    context_begin(&p->context, thread_first);
    file_console(p);
    proc_own(p, space);
    proc_announce_name(p);
    sched_begin(p);
    cpu_start_others();
    idle();
}

// The child's id; -1 when processes or memory are out.
i64 proc_fork(void) {
    struct proc *child = proc_create();
    if (!child)
        return -1;
    struct space *space = space_fork(current->space);
    if (!space) {
        proc_remove(child);
        return -1;
    }
    child->parent = current->leader;
    memcpy(&child->arguments, &current->leader->arguments, sizeof child->arguments);
    enter(&filelock);
    child->descriptors = current->leader->descriptors;
    for (u64 i = 0; i < child->descriptors; i++)
        child->file[i] = file_share(current->file[i]);
    child->directory = inode_share(current->leader->directory);
    leave(&filelock);
    proc_announce_name(child);
    proc_own(child, space);
    memcpy(frame_of(child), frame_of(current), sizeof(struct trapframe));
    frame_result(frame_of(child), 0);
    float_fork(child);
    signal_fork(child);
    sched_begin(child);
    return (i64)child->id;
}

// Copies a NUL-ended text of at most `bytes` from user address `from`.  Its length, or -1 where it is longer or not
// the process's.
i64 copy_text(char *to, u64 from, u64 bytes) {
    for (u64 i = 0; i < bytes; i++) {
        if (copy_in(to + i, from + i, 1))
            return -1;
        if (!to[i])
            return (i64)i;
    }
    return -1;
}

i64 proc_exec(u64 line) {
    struct arguments next;
    if (current->leader->threads > 1 || copy_text(next.text, line, LINE_BYTES) < 0 || arguments_find(&next))
        return -1;
    return exec(&next);
}

// Its children become the first process's, which waits for them or ends the machine.
static void give_up_children(struct proc *p) {
    for (struct proc *q = processes; q < processes + MAX_PROCESSES; q++)
        if (q->state != UNUSED && q->parent == p)
            q->parent = processes;
    wake(processes);
}

// Ends the current process, or the current thread of one that ends.  All that it owns is free at once, but for the stack
// that this runs on.
[[noreturn]] void proc_exit(u64 status) {
    threads_end(status);
    struct proc *p = current;
    enter(&filelock);
    for (u64 i = 0; i < p->descriptors; i++)
        file_close(p->file[i]);
    inode_put(p->directory);
    leave(&filelock);
    if (p == processes) {
        remote_finish();
        net_finish();
        buffer_sync();
        power_off(p->status);
    }
    space_destroy(p->space);
    float_drop(p);
    enter(&proclock);
    give_up_children(p);
    wake(p->parent);
    signal_post(p->parent, SIGNAL_CHILD);
    sched_end();
}

// A child of the current process, one that ended if there is such a one; 0 for none.
static struct proc *child_to_wait_for(void) {
    struct proc *found = 0;
    for (struct proc *q = processes; q < processes + MAX_PROCESSES; q++) {
        if (q->state == UNUSED || q->parent != current->leader)
            continue;
        if (q->state == ZOMBIE)
            return q;
        found = q;
    }
    return found;
}

i64 proc_wait(u64 to) {
    struct proc *child;
    while ((child = child_to_wait_for()) && child->state != ZOMBIE)
        if (sleep_on(current->leader, 0))
            return -1;
    if (!child)
        return -1;
    u64 id = child->id, status = child->status;
    if (to && copy_out(to, &status, sizeof status))
        return -1; // it can still be waited for
    while (__atomic_load_n(&child->on_cpu, __ATOMIC_ACQUIRE))
        spin_wait();
    proc_remove(child);
    return (i64)id;
}

// Inside proclock, as the two above.  The process finds out at the end of what it does in the kernel; a sleep is cut short.
i64 proc_kill(u64 id, u64 signal) {
    for (struct proc *p = processes; p < processes + MAX_PROCESSES; p++)
        if (p->id == id && p->leader == p && p->state != UNUSED && p->state != ZOMBIE)
            return signal_post(p, signal);
    return -1;
}
