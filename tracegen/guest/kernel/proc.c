// Processes: born by fork, filled by exec, ended by exit, buried by their parent's wait.
#include "announce.h"
#include "fs.h"
#include "proc.h"
#include "space.h"

struct proc processes[MAX_PROCESSES];
static u64 born; // processes so far: the latest one's id

void proc_print_name(void) {
    const struct arguments *line = &current->leader->arguments;
    for (u64 i = 0, n = argument_length(line, 0); i < n; i++)
        print_byte((u8)line->text[line->start[0] + i]);
}

// Says what `p` runs.
void proc_announce_name(const struct proc *p) {
    ANNOUNCE2(ANNOUNCE_THREAD_NAME, thread_of(p), p->leader->arguments.text);
}

// A place in the table, or 0 when it is full.
static struct proc *place(void) {
    struct proc *p = processes;
    enter(&proclock);
    while (p < processes + MAX_PROCESSES && p->state != UNUSED)
        p++;
    if (p < processes + MAX_PROCESSES) {
        memset(p, 0, sizeof *p);
        p->state = BORN;
        p->id = ++born;
    }
    leave(&proclock);
    return p < processes + MAX_PROCESSES ? p : 0;
}

// A process of one thread with a kernel stack, or 0 where there can be none.
struct proc *proc_create(void) {
    struct proc *p = place();
    if (!p)
        return 0;
    p->stack = page_alloc();
    if (!p->stack) {
        p->state = UNUSED;
        return 0;
    }
    p->leader = p;
    p->threads = 1;
    p->file = p->files;
    context_stack(&p->context, frame_of(p));
    context_begin(&p->context, thread_begin);
    return p;
}

void proc_remove(struct proc *p) {
    page_free(p->stack);
    p->state = UNUSED;
}

// `p` owns `space` from here on.  Of a process that never ran this also says that it begins in the service that
// made it: thread numbers are used again.
void proc_own(struct proc *p, struct space *space) {
    p->space = space;
    ANNOUNCE2(ANNOUNCE_THREAD_SPACE, thread_of(p), space->id);
}

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
// disk usable and becomes the program that the boot argument string names.
void proc_first(void) {
    enter(&filelock);
    if (directory_mount())
        panic("no file system on the disk", 0);
    leave(&filelock);
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
    if (strlen(line) >= LINE_BYTES)
        panic("boot argument string too long", 0);
    memcpy(p->arguments.text, line, strlen(line) + 1);
    const char *why = arguments_find(&p->arguments);
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
    if (p == processes) {
        buffer_sync();
        power_off(p->status);
    }
    enter(&filelock);
    for (u64 i = 0; i < p->descriptors; i++)
        file_close(p->file[i]);
    inode_put(p->directory);
    leave(&filelock);
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

// Copies a word of the command line, and a NUL, to user address `to`, cut at `bytes`.  Its length, or -1.
i64 proc_argument(u64 index, u64 to, u64 bytes) {
    const struct arguments *line = &current->leader->arguments;
    if (index >= line->count)
        return -1;
    u64 length = argument_length(line, index), copied = length < bytes ? length : bytes;
    if (copy_out(to, line->text + line->start[index], copied) || (length < bytes && copy_out(to + length, "", 1)))
        return -1;
    return (i64)length;
}
