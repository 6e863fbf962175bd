// A process, which is also a thread of the kernel: what it owns and where it stopped.
#pragma once
#include "floats.h"
#include "kernel.h"
#include "param.h"
#include "trapframe.h"

struct inode;

enum state { UNUSED, BORN, RUNNABLE, RUNNING, SLEEPING, ZOMBIE };

// A command line: words between spaces.
struct arguments {
    u64 count;
    u16 start[MAX_ARGUMENTS]; // of each word
    char text[LINE_BYTES];
};

struct proc {
    enum state state;
    u64 id;
    struct proc *parent;
    struct space *space;
    u64 stack;                  // physical address of the kernel stack's page
    struct context context;     // while it does not run
    const void *channel;        // what it sleeps for; 0 with a deadline only
    u64 deadline;               // tick that ends its sleep; 0 for none
    int killed;                 // ends before it next runs in user mode
    u64 status;                 // of a zombie, for its parent
    struct file *file[MAX_DESCRIPTORS];
    struct floats floats;       // unless it owns the registers (float.c)
    struct arguments arguments;
};

extern struct proc processes[MAX_PROCESSES];
extern struct proc *current; // 0 while the idle thread runs

static inline u64 thread_of(const struct proc *p) {
    return p ? (u64)(p - processes) + 1 : 0;
}

// What user mode left when it entered the kernel: at the top of the kernel stack.
static inline struct trapframe *frame_of(const struct proc *p) {
    return (struct trapframe *)KERNEL(p->stack + PAGE_BYTES - TF_BYTES);
}

// sched.c
void schedule(void);
void yield(void);
int sleep_on(const void *channel, u64 deadline);
void wake_sleepers(u64 tick);
[[noreturn]] void idle(void);

// arguments.c
const char *arguments_find(struct arguments *in);
u64 argument_length(const struct arguments *in, u64 i);

// exec.c
struct space *exec_load(struct inode *file, u64 *entry);
struct inode *exec_find(const struct arguments *line);

// switch.S
void context_switch(struct context *from, const struct context *to);
