// Processes: born by fork, filled by exec, ended by exit, buried by their parent's wait.
#include "announce.h"
#include "fs.h"
#include "proc.h"
#include "space.h"

struct proc processes[MAX_PROCESSES];
struct proc *current;
static u64 born; // processes so far: the latest one's id

void proc_print_name(void) {
    const struct arguments *line = &current->arguments;
    for (u64 i = 0, n = argument_length(line, 0); i < n; i++)
        print_byte((u8)line->text[line->start[0] + i]);
}

// Says what `p` runs.
static void announce_name(const struct proc *p) {
    ANNOUNCE2(ANNOUNCE_THREAD_NAME, thread_of(p), p->arguments.text);
}

// A place in the table with a kernel stack, or 0 when either is out.
static struct proc *proc_create(void) {
    struct proc *p = processes;
    while (p < processes + MAX_PROCESSES && p->state != UNUSED)
        p++;
    if (p == processes + MAX_PROCESSES)
        return 0;
    memset(p, 0, sizeof *p);
    p->stack = page_alloc();
    if (!p->stack)
        return 0;
    p->state = BORN;
    p->id = ++born;
    context_stack(&p->context, frame_of(p));
    context_begin(&p->context, trap_return);
    return p;
}

static void proc_remove(struct proc *p) {
    page_free(p->stack);
    p->state = UNUSED;
}

// `p` owns `space` from here on.  Of a process that never ran this also says that it begins in the service that
// made it: thread numbers are used again.
static void proc_own(struct proc *p, struct space *space) {
    p->space = space;
    ANNOUNCE2(ANNOUNCE_THREAD_SPACE, thread_of(p), space->id);
}

// Goes on as the program that `line` names, in a space of its own; -1, and nothing has changed, where that cannot be.
static i64 exec(const struct arguments *line) {
    struct inode *file = exec_find(line);
    if (!file)
        return -1;
    u64 entry;
    struct space *space = exec_load(file, &entry), *before = current->space;
    inode_put(file);
    if (!space)
        return -1;
    memcpy(&current->arguments, line, sizeof *line);
    announce_name(current);
    proc_own(current, space);
    space_use(space);
    space_destroy(before);
    frame_start(frame_of(current), entry, USER_TOP);
    float_begin(current);
    return 0;
}

// What the first process does in the kernel, where it can sleep, before it is in user mode (switch.S): it makes the
// disk usable and becomes the program that the boot argument string names.
void proc_first(void) {
    if (directory_mount())
        panic("no file system on the disk", 0);
    if (exec(&current->arguments) == 0)
        return;
    int there = exec_find(&current->arguments) != 0;
    proc_print_name();
    print(there ? ": no program, or memory is out\n" : ": no such program\n");
    power_off(there ? STATUS_NO_MEMORY : STATUS_USAGE);
}

// Makes the first process, with an empty space; then waits for interrupts.
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
    file_console(p->file);
    proc_own(p, space);
    announce_name(p);
    p->state = RUNNABLE;
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
    child->parent = current;
    memcpy(&child->arguments, &current->arguments, sizeof child->arguments);
    for (u64 i = 0; i < MAX_DESCRIPTORS; i++)
        child->file[i] = file_share(current->file[i]);
    announce_name(child);
    proc_own(child, space);
    memcpy(frame_of(child), frame_of(current), sizeof(struct trapframe));
    frame_result(frame_of(child), 0);
    float_fork(child);
    child->state = RUNNABLE;
    return (i64)child->id;
}

// Copies a NUL-ended text of at most `bytes` from user address `from`.  Its length, or -1 where it is longer or not
// the process's.
i64 copy_text(char *to, u64 from, u64 bytes) {
    for (u64 i = 0; i < bytes; i++) {
        if (!in_user(from + i, 1) || user_copy(to + i, (const void *)(from + i), 1))
            return -1;
        if (!to[i])
            return (i64)i;
    }
    return -1;
}

i64 proc_exec(u64 line) {
    struct arguments next;
    if (copy_text(next.text, line, LINE_BYTES) < 0 || arguments_find(&next))
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

// Ends the current process.  All it owns is free at once, but for the stack that this runs on.
[[noreturn]] void proc_exit(u64 status) {
    struct proc *p = current;
    if (p == processes) {
        buffer_sync();
        power_off(status);
    }
    for (u64 i = 0; i < MAX_DESCRIPTORS; i++)
        file_close(p->file[i]);
    space_destroy(p->space);
    float_drop(p);
    give_up_children(p);
    p->status = status;
    p->state = ZOMBIE;
    wake(p->parent);
    schedule();
    panic("a zombie ran", 0);
}

// A child of `current`, one that ended if there is such a one; 0 for none.
static struct proc *child_to_wait_for(void) {
    struct proc *found = 0;
    for (struct proc *q = processes; q < processes + MAX_PROCESSES; q++) {
        if (q->state == UNUSED || q->parent != current)
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
        if (sleep_on(current, 0))
            return -1;
    if (!child)
        return -1;
    u64 id = child->id, status = child->status;
    if (to && (!in_user(to, sizeof status) || user_copy((void *)to, &status, sizeof status)))
        return -1; // it can still be waited for
    proc_remove(child);
    return (i64)id;
}

// The process finds out at the end of what it does in the kernel; a sleep is cut short.
i64 proc_kill(u64 id) {
    for (struct proc *p = processes; p < processes + MAX_PROCESSES; p++)
        if (p->id == id && p->state != UNUSED && p->state != ZOMBIE) {
            p->killed = 1;
            if (p->state == SLEEPING)
                p->state = RUNNABLE;
            return 0;
        }
    return -1;
}

// Grows the heap.  Memory is promised only while there are that many pages, free or in the buffer cache; it is given at
// the first touch.
i64 proc_grow(i64 bytes) {
    u64 before = current->space->heap_end, most = page_free_count() + buffer_pages();
    if (bytes < 0 || (u64)bytes > HEAP_TOP - before || PAGE_UP(bytes) >> PAGE_SHIFT > most)
        return -1;
    current->space->heap_end = PAGE_UP(before + (u64)bytes);
    return (i64)before;
}

// Copies a word of the command line, and a NUL, to user address `to`, cut at `bytes`.  Its length, or -1.
i64 proc_argument(u64 index, u64 to, u64 bytes) {
    const struct arguments *line = &current->arguments;
    if (index >= line->count)
        return -1;
    u64 length = argument_length(line, index), copied = length < bytes ? length : bytes;
    if (!in_user(to, copied + 1) || user_copy((void *)to, line->text + line->start[index], copied))
        return -1;
    if (length < bytes && user_copy((void *)(to + length), "", 1))
        return -1;
    return (i64)length;
}
