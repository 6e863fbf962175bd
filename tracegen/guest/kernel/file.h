// What a descriptor stands for: the console, one end of a pipe, a place in a file, or a socket.
#pragma once
#include "kernel.h"

struct pipe;
struct socket;
struct inode;

struct file {
    enum { CONSOLE, PIPE_OUT, PIPE_IN, IN_FILE, SOCKET } kind; // PIPE_OUT: the end that is read from
    u64 references;                                    // 0: not in use
    struct pipe *pipe;
    struct inode *inode; // of a file, and where its next byte is read or written
    u64 offset;
    struct socket *socket;
    u64 flags;           // OPEN_READ, OPEN_WRITE
};

// file.c, for names.c
struct file *file_of(u64 descriptor);
int file_is_ready(const struct file *file, int write);
i64 file_describe(struct file made);

// socket.c
void socket_close(struct socket *s);
i64 socket_read(struct socket *s, u64 to, u64 bytes);
i64 socket_write(struct socket *s, u64 from, u64 bytes);
int socket_is_ready(const struct socket *s, int write);

// pipe.c
struct pipe *pipe_create(void);
void pipe_close(struct pipe *pipe, int writer);
i64 pipe_read(struct pipe *pipe, u64 to, u64 bytes);
i64 pipe_write(struct pipe *pipe, u64 from, u64 bytes);
int pipe_is_ready(const struct pipe *pipe, int write);
