// Running commands: a process each, so many at a time.
#include "pmake.h"

#define CANNOT_RUN 127 // a child's status where its program is not there

static struct {
    i64 process;
    struct target *target;
} job[MAX_JOBS];

static u64 running, failure; // failure: the status of the first command that failed

// `command > file`: ends the command before the sign; the file's name, or 0.
static char *redirection(char *command) {
    for (char *p = command; *p; p++) {
        if (p[0] != ' ' || p[1] != '>')
            continue;
        *p = 0;
        for (p += 2; *p == ' ';)
            p++;
        return p;
    }
    return 0;
}

// In the child.  Messages still go to where the output went.
static void send_output_to(const char *file) {
    i64 descriptor = sys_open(file, OPEN_WRITE | OPEN_CREATE | OPEN_TRUNCATE);
    if (descriptor < 0)
        fail("cannot write %s", file);
    sys_dup2(1, 2);
    sys_dup2(descriptor, 1);
    sys_close(descriptor);
}

// A program is looked for here, then in the root.
static void execute(const char *line) {
    char rooted[MAX_LINE + 2];
    sys_exec(line);
    rooted[0] = '/';
    memcpy(rooted + 1, line, strlen(line) + 1);
    sys_exec(rooted);
}

[[noreturn]] static void become(const char *command) {
    char *line = (char *)copied(command, strlen(command)), *file = redirection(line);
    if (file)
        send_output_to(file);
    execute(line);
    complain("pmake: cannot run '%s'", line);
    sys_exit(CANNOT_RUN);
}

static void start(struct target *target) {
    target->running = expand(target->command, target, target->line);
    if (strlen(target->running) > MAX_LINE)
        wrong(target->line, "the command of '%s' is too long", target->name);
    print(target->running);
    print("\n");
    i64 process = sys_fork();
    if (process == 0)
        become(target->running);
    if (process < 0)
        fail("no process for '%s'", target->running);
    job[running].process = process;
    job[running++].target = target;
    target->state = RUNNING;
}

// Waits for one job.  What a failed one left is removed, as it is newer than what it needs.
static void finish(void) {
    u64 status = 0, i = 0;
    i64 process = sys_wait(&status);
    if (process < 0)
        fail("a process is lost");
    while (i < running && job[i].process != process)
        i++;
    if (i == running)
        return; // a child of a child that ended first
    struct target *target = job[i].target;
    job[i] = job[--running];
    target->state = DONE;
    target->made = 1;
    look(target);
    if (!status)
        return;
    failure = failure ? failure : status;
    complain("pmake: '%s' ended with status %d", target->running, (i64)status);
    if (target->exists)
        sys_unlink(target->name);
}

static u64 ready(const struct target *target) {
    for (const struct link *need = target->needs; need; need = need->next)
        if (need->target->state != DONE)
            return 0;
    return target->state == PLANNED;
}

// Starts what can be, in the plan's order; what is up to date is done at once.  How many were started.
static u64 start_ready(struct target *first, u64 jobs) {
    u64 started = 0;
    for (struct target *target = first; target && running < jobs; target = target->planned) {
        if (!ready(target))
            continue;
        if (target->command && stale(target)) {
            start(target);
            started++;
        } else
            target->state = DONE;
    }
    return started;
}

u64 run(struct target *first, u64 jobs) {
    u64 commands = 0;
    for (;;) {
        if (!failure)
            commands += start_ready(first, jobs);
        if (!running)
            break;
        finish();
    }
    if (failure)
        sys_exit(failure);
    return commands;
}
