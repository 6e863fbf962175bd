// A thread, and what it owns if it leads a process: the first thread of each does.
#pragma once
#include "floats.h"
#include "kernel.h"
#include "param.h"
#include "percpu.h"
#include "trapframe.h"

struct inode;

enum state { UNUSED, BORN, RUNNABLE, RUNNING, SLEEPING, ZOMBIE };

// A command line: words between spaces.
struct arguments {
    u64 count;
    u16 start[MAX_ARGUMENTS]; // of each word
    char text[LINE_BYTES];
};

// What a process does about signals.
#define SIGNALS 32
struct signals {
    u64 handler[SIGNALS]; // address, or one of signal.c's
    u64 back;             // where handlers return to
    u64 pending, blocked; // by bit
};

struct proc {
    enum state state;
    u64 id;
    struct proc *parent;
    struct space *space;
    u64 stack;                  // physical address of the kernel stack's page
    struct context context;     // while it does not run
    int on_cpu;                 // some CPU is on its stack
    struct cpu *cpu;            // where it ran last
    struct proc *next;          // in the queue of a CPU
    const void *channel;        // what it sleeps for; 0 with a deadline only
    u64 deadline;               // tick that ends its sleep; 0 for none
    u64 killed;                 // the status with which it ends before it next runs in user mode; 0: it does not
    struct signals signals;     // its process's, of a leader
    struct proc *leader;        // the first thread of its process, perhaps itself
    u64 threads;                // of a leader: of its process, that have not ended
    int ending;                 // of a leader: the process ends, with `status`
    u64 status;                 // of a zombie, for its parent
    struct floats floats;       // unless it owns a CPU's registers (float.c)
    struct cpu *float_cpu;      // whose it used last; 0 for none
    struct file **file;         // its process's descriptors
    struct file *files[MAX_DESCRIPTORS]; // where they are, of a leader
    u64 descriptors;            // none from here on ever stood for anything, of a leader
    struct inode *directory;    // where names begin that do not begin with /, of a leader
    struct arguments arguments;
};

extern struct proc processes[MAX_PROCESSES];

static inline u64 thread_of(const struct proc *p) {
    return (u64)(p - processes) + 1;
}

// Number of the thread that runs here.  Idle threads: 0 on the first CPU, on others behind those of processes.
static inline u64 thread_here(void) {
    if (current)
        return thread_of(current);
    return this_cpu()->number ? MAX_PROCESSES + this_cpu()->number : 0;
}

// What user mode left when it entered the kernel: at the top of the kernel stack.
static inline struct trapframe *frame_of(const struct proc *p) {
    return (struct trapframe *)KERNEL(p->stack + PAGE_BYTES - TF_BYTES);
}

// sched.c
void sched_begin(struct proc *p);
[[noreturn]] void sched_end(void);
void yield(void);
void wake_killed(struct proc *p, u64 status);
void wake_signalled(struct proc *p);
int sleep_on(const void *channel, u64 deadline);

// proc.c, for thread.c
struct proc *proc_create(void);
void proc_remove(struct proc *p);
void proc_own(struct proc *p, struct space *space);
void proc_announce_name(const struct proc *p);

// thread.c
i64 thread_create(u64 entry, u64 stack, u64 argument);
[[noreturn]] void thread_exit(void);
i64 thread_join(u64 id);
void threads_end(u64 status);

// signal.c
int signal_post(struct proc *p, u64 signal);
int signal_waits(const struct proc *p);
i64 signal_action(u64 signal, u64 handler, u64 back);
void signal_take(struct trapframe *frame);
int signal_fault(struct trapframe *frame, u64 signal, u64 address);
i64 signal_return(void);
void signal_reset(struct proc *p);
void signal_fork(struct proc *child);

// futex.c
i64 futex_wait(u64 va, u32 expected);
i64 futex_wake(u64 va, u64 most);

// arguments.c
const char *arguments_find(struct arguments *in);
const char *arguments_begin(struct arguments *in, const char *line);
u64 argument_length(const struct arguments *in, u64 i);

// exec.c
struct space *exec_load(struct inode *file, u64 *entry);
struct inode *exec_find(const struct arguments *line);

// switch.S
void context_switch(struct context *from, const struct context *to);
