// The table of threads, and what each has: a place, a kernel stack, a space, a name.
#include "announce.h"
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
