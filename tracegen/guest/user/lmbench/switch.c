// Context switches: processes in a ring hand on a token through pipes, and each reads so many bytes of its own before.
//
// A region is one process's turn: its bytes, the token written on, and read again, for which another process has to run.
// What a turn takes without a switch are the regions of one process that is a ring by itself.
#include "lmbench.h"

#define MOST_BYTES 0x10000

static u64 data[MOST_BYTES / sizeof(u64)];

static u64 sum(u64 bytes) {
    u64 found = 0;
    for (u64 i = 0; i < bytes / sizeof *data; i++)
        found += data[i];
    return found;
}

struct place {
    i64 in, out;
};

static int hand_on(const struct place *at) {
    u64 token = 0;
    return sys_write(at->out, &token, sizeof token) != sizeof token || sys_read(at->in, &token, sizeof token) != sizeof token;
}

static u64 turns(const struct place *at, u64 mark, u64 rounds, u64 bytes) {
    u64 wrong = 0;
    for (u64 i = 0; i < rounds; i++) {
        REGION_BEGIN(mark);
        wrong += sum(bytes) != bytes / sizeof *data;
        wrong += (u64)hand_on(at);
        REGION_END(mark);
    }
    return wrong;
}

// Its own pages, where the parent's are shared after a fork.
static void fill(u64 bytes) {
    for (u64 i = 0; i < bytes / sizeof *data; i++)
        data[i] = 1;
}

// Waits for its first token, and passes the last one on to who waits for it.
[[noreturn]] static void member(const struct place *at, u64 mark, u64 rounds, u64 bytes) {
    u64 token = 0;
    fill(bytes);
    u64 wrong = sys_read(at->in, &token, sizeof token) != sizeof token;
    wrong += turns(at, mark, rounds, bytes);
    wrong += sys_write(at->out, &token, sizeof token) != sizeof token;
    sys_exit(wrong ? EXIT_WRONG : EXIT_OK);
}

// Makes a process between `before`, the end of the ring so far, and a new end, which it returns.
static i64 add_member(i64 before, u64 mark, u64 rounds, u64 bytes) {
    i64 ends[2];
    if (sys_pipe(ends))
        stop("no pipe", STATUS_NO_MEMORY);
    i64 child = sys_fork();
    if (child < 0)
        stop("cannot fork", STATUS_NO_MEMORY);
    if (child == 0)
        member(&(struct place){before, ends[1]}, mark, rounds, bytes);
    sys_close(before);
    sys_close(ends[1]);
    return ends[0];
}

static u64 ring(u64 mark, u64 rounds, u64 processes, u64 bytes) {
    i64 ends[2];
    u64 wrong = 0;
    if (sys_pipe(ends))
        stop("no pipe", STATUS_NO_MEMORY);
    struct place own = {ends[0], ends[1]};
    for (u64 i = 1; i < processes; i++)
        own.in = add_member(own.in, mark, rounds, bytes);
    fill(bytes);
    wrong += (u64)hand_on(&own); // all have begun, and wait
    wrong += turns(&own, mark, rounds, bytes);
    for (u64 i = 1; i < processes; i++) {
        u64 status = EXIT_WRONG;
        wrong += sys_wait(&status) < 0 || status != EXIT_OK;
    }
    sys_close(own.in);
    sys_close(own.out);
    return wrong;
}

#define RING(function, processes, kilobytes)              \
    u64 function(u64 mark, u64 rounds) {                  \
        return ring(mark, rounds, processes, kilobytes << 10); \
    }

RING(pipe_0, 1, 0)
RING(pipe_16, 1, 16)
RING(pipe_64, 1, 64)
RING(switch_2_0, 2, 0)
RING(switch_2_16, 2, 16)
RING(switch_2_64, 2, 64)
RING(switch_8_0, 8, 0)
RING(switch_8_16, 8, 16)
RING(switch_8_64, 8, 64)
RING(switch_16_0, 16, 0)
RING(switch_16_16, 16, 16)
RING(switch_16_64, 16, 64)
