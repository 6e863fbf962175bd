// What a descriptor stands for: the console, or one end of a pipe.
#pragma once
#include "kernel.h"

struct pipe;

struct file {
    enum { CONSOLE, PIPE_OUT, PIPE_IN } kind; // PIPE_OUT: the end that is read from
    u64 references;                           // 0: not in use
    struct pipe *pipe;
};

// pipe.c
struct pipe *pipe_create(void);
void pipe_close(struct pipe *pipe, int writer);
i64 pipe_read(struct pipe *pipe, u64 to, u64 bytes);
i64 pipe_write(struct pipe *pipe, u64 from, u64 bytes);
