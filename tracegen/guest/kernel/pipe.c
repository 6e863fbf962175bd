// Pipes: a page with a ring of bytes.  A reader waits while it is empty, a writer while it is full.
#include "file.h"
#include "proc.h"

struct pipe {
    u64 read, written; // bytes so far; the ring holds the difference
    int has_reader, has_writer;
    u8 ring[PIPE_BYTES];
};

static_assert(sizeof(struct pipe) <= PAGE_BYTES && (PIPE_BYTES & (PIPE_BYTES - 1)) == 0, "a pipe is a page");

struct pipe *pipe_create(void) {
    u64 page = page_alloc();
    if (!page)
        return 0;
    struct pipe *pipe = KERNEL(page);
    pipe->read = pipe->written = 0;
    pipe->has_reader = pipe->has_writer = 1;
    return pipe;
}

static void changed(struct pipe *pipe) {
    wake(pipe);
    select_wake();
}

// Whether a read or a write would not wait: also where it is refused.
int pipe_is_ready(const struct pipe *pipe, int write) {
    u64 used = pipe->written - pipe->read;
    return write ? used < PIPE_BYTES || !pipe->has_reader : used || !pipe->has_writer;
}

// The last descriptor of one end is closed: whoever waits at the other must notice.
void pipe_close(struct pipe *pipe, int writer) {
    *(writer ? &pipe->has_writer : &pipe->has_reader) = 0;
    changed(pipe);
    if (!pipe->has_reader && !pipe->has_writer)
        page_free(PHYSICAL(pipe));
}

// Of `wanted` bytes, those that go without a wrap from position `at` of the ring.
static u64 stretch(u64 at, u64 wanted) {
    u64 left = PIPE_BYTES - at % PIPE_BYTES;
    return wanted < left ? wanted : left;
}

// Up to `bytes`, as soon as there are any; 0 when there will be none.
i64 pipe_read(struct pipe *pipe, u64 to, u64 bytes) {
again:
    while (pipe->read == pipe->written && pipe->has_writer)
        if (sleep_on(pipe, 0))
            return -1;
    u64 there = pipe->written - pipe->read, done = 0;
    u64 wanted = bytes < there ? bytes : there;
    while (done < wanted) {
        u64 n = stretch(pipe->read, wanted - done);
        if (user_copy((void *)(to + done), pipe->ring + pipe->read % PIPE_BYTES, n)) {
            if (user_bring(to + done, n, MAP_WRITE))
                return -1;
            if (done)
                break;
            goto again; // it may have waited, and others read
        }
        pipe->read += n;
        done += n;
        changed(pipe);
    }
    return (i64)done;
}

// All of `bytes`, however long it takes; -1 when nobody is left to read them.
i64 pipe_write(struct pipe *pipe, u64 from, u64 bytes) {
    for (u64 done = 0; done < bytes;) {
        if (!pipe->has_reader)
            return -1;
        u64 space = PIPE_BYTES - (pipe->written - pipe->read);
        if (!space) {
            if (sleep_on(pipe, 0))
                return -1;
            continue;
        }
        u64 n = stretch(pipe->written, bytes - done < space ? bytes - done : space);
        if (user_copy(pipe->ring + pipe->written % PIPE_BYTES, (const void *)(from + done), n)) {
            if (user_bring(from + done, n, MAP_READ))
                return -1;
            continue; // it may have waited, and others written
        }
        pipe->written += n;
        done += n;
        changed(pipe);
    }
    return (i64)bytes;
}
