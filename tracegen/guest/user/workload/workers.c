// Processes that work beside each other and tell their parent through a pipe how it went.
#include "workload.h"

struct message {
    u64 index;
    struct outcome outcome;
};

static_assert(sizeof(struct message) == 32, "messages fill a pipe without a rest, so that none is torn");

static void must(int holds, const char *otherwise) {
    if (!holds)
        stop(otherwise, STATUS_NO_MEMORY);
}

static void work(u64 index, void (*job)(u64, struct outcome *), const i64 ends[2]) {
    struct message message = {.index = index};
    sys_close(ends[0]);
    job(index, &message.outcome);
    write_all(ends[1], &message, sizeof message);
    sys_exit(EXIT_OK);
}

void run_workers(u64 count, void (*job)(u64, struct outcome *), struct outcome *outcome) {
    i64 ends[2];
    must(sys_pipe(ends) == 0, "no pipe");
    for (u64 i = 0; i < count; i++) {
        i64 child = sys_fork();
        must(child >= 0, "cannot fork");
        if (child == 0)
            work(i, job, ends);
    }
    sys_close(ends[1]);
    struct message message;
    u64 heard = 0;
    for (; sys_read(ends[0], &message, sizeof message) == sizeof message; heard++)
        outcome[message.index] = message.outcome;
    must(heard == count, "a worker ended early");
    for (u64 i = 0; i < count; i++)
        sys_wait(0);
    sys_close(ends[0]);
}
