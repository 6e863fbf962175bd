// What programs do with streams: connect, accept, read, write, close.
#include "net.h"
#include "proc.h"

// Numbers of bytes begin somewhere else each time.
void stream_number(struct socket *s) {
    static u32 latest;
    latest += 1 << 16;
    s->oldest = latest;
    s->patience = PATIENCE;
}

// Asks the peer, and waits for its answer.  -1 where it refuses, or does not answer.
i64 stream_connect(struct socket *s) {
    stream_number(s);
    s->phase = ASKS;
    stream_begin(s);
    while (s->phase == ASKS)
        if (net_sleep(s)) {
            stream_done(s);
            return -1;
        }
    return s->failed ? -1 : 0;
}

// The next that has connected; 0 for a process that has to go home.
struct socket *stream_accept(struct socket *listener) {
    struct socket *s;
    while (!(s = listener->pending))
        if (net_sleep(listener))
            return 0;
    listener->pending = s->pending;
    listener->waiting--;
    s->pending = s->listener = 0;
    return s;
}

static int can_read(const struct socket *s) {
    return s->received.first || s->ended || s->failed || s->phase == CLOSED || s->phase == LISTENS;
}

static int can_write(const struct socket *s) {
    return s->sent.count < MAX_SENT || s->phase != OPEN || s->ends;
}

int stream_is_ready(const struct socket *s, int write) {
    if (s->phase == LISTENS)
        return write || s->pending;
    return write ? can_write(s) : can_read(s);
}

// Copies what is there.  How many bytes; -1 where that is not the process's memory.
static i64 take(struct socket *s, u64 to, u64 bytes) {
    struct packet *p;
    u64 done = 0;
    while (done < bytes && (p = s->received.first)) {
        u64 there = p->header.bytes - p->at, n = bytes - done < there ? bytes - done : there;
        if (user_copy((void *)(to + done), KERNEL(p->page + p->at), n)) {
            if (user_bring(to + done, n, MAP_WRITE))
                return -1;
            continue; // it may have waited, and others read
        }
        p->at += n;
        done += n;
        if (p->at == p->header.bytes)
            packet_drop(queue_take(&s->received));
    }
    return (i64)done;
}

// Up to `bytes`, as soon as there are any; 0 when there will be none, -1 when the peer broke off.
i64 stream_read(struct socket *s, u64 to, u64 bytes) {
    i64 n = 0;
    while (bytes && !n) {
        while (!can_read(s))
            if (net_sleep(s))
                return -1;
        if (!s->received.first)
            return s->ended && !s->failed ? 0 : -1;
        n = take(s, to, bytes);
    }
    if (s->phase == OPEN && !s->ended && !before(s->expected + stream_window(s), s->promised + 2 * s->most))
        stream_acknowledge(s); // the peer may go on
    return n;
}

// Where the next bytes that are written go: behind others that wait, or in a packet of their own.  0 where there is no
// memory.
static struct packet *tail(struct socket *s) {
    struct packet *p = s->unsent ? s->sent.last : 0;
    if (p && p->header.bytes < s->most)
        return p;
    p = packet_take();
    if (!p)
        return 0;
    p->page = page_alloc();
    if (!p->page) {
        packet_drop(p);
        return 0;
    }
    p->header.sequence = s->written;
    return p;
}

// Copies up to `bytes` behind what was written.  How many; 0 where it has to be tried again, -1 where it cannot be.
static i64 put(struct socket *s, u64 from, u64 bytes) {
    struct packet *p = tail(s);
    if (!p)
        return -1;
    int fresh = !p->header.bytes;
    u64 room = s->most - p->header.bytes, n = bytes < room ? bytes : room;
    if (user_copy(KERNEL(p->page + p->header.bytes), (const void *)from, n)) {
        if (fresh)
            packet_drop(p);
        return user_bring(from, n, MAP_READ) ? -1 : 0;
    }
    p->header.bytes += (u32)n;
    s->written += (u32)n;
    if (fresh) {
        queue_add(&s->sent, p);
        s->unsent = s->unsent ? s->unsent : p;
    }
    return (i64)n;
}

// All of `bytes`, however long it takes; -1 when nobody takes them any more.
i64 stream_write(struct socket *s, u64 from, u64 bytes) {
    for (u64 done = 0; done < bytes;) {
        if (s->phase != OPEN || s->ends)
            return -1;
        if (s->sent.count >= MAX_SENT) {
            if (net_sleep(s))
                return -1;
            continue;
        }
        i64 n = put(s, from + done, bytes - done);
        if (n < 0)
            return -1;
        done += (u64)n;
        stream_output(s);
    }
    return (i64)bytes;
}

// We write no more.
void stream_end(struct socket *s) {
    s->ends = 1;
    stream_output(s);
}

// Nobody will accept those who wait.
static void close_listener(struct socket *listener) {
    for (struct socket *s = sockets; s < sockets + MAX_SOCKETS; s++)
        if (s->kind && s->listener == listener) {
            if (s->phase != ANSWERS)
                s->listener = 0;
            stream_reset(s);
        }
    socket_remove(listener);
}

// No descriptor means it any more.  What was written is sent all the same, unless the peer's was not read.
void stream_close(struct socket *s) {
    if (s->phase == LISTENS)
        close_listener(s);
    else if (s->phase == CLOSED || s->phase == ASKS)
        socket_remove(s);
    else if (s->received.first)
        stream_reset(s);
    else if (s->phase == OPEN && !s->ends)
        stream_end(s);
    else if (s->phase == OPEN && !s->ended && s->oldest == s->written + 1)
        s->due = timer_ticks() + LONGEST_END;
}
