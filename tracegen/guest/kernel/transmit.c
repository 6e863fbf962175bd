// What streams send: what was written, as far as the peer has room; acknowledgements; and all of it again, when the peer
// does not acknowledge it in time.
//
// After a loss all that was sent since is sent again, one segment first where it took long to notice.  A short segment waits while an earlier one is not acknowledged
// (Nagle, RFC 896).  Left out of TCP: congestion control, measured round trips, options but the largest segment.
#include "net.h"

// Bytes that a stream takes, so many packets as it has room for.
u32 stream_window(const struct socket *s) {
    return s->received.count < MAX_RECEIVED ? (u32)(MAX_RECEIVED - s->received.count) * s->most : 0;
}

// Sends one segment, with the payload of `data` unless that is 0.  It says what was received so far.
static void segment(struct socket *s, const struct packet *data, u32 sequence, u8 flags) {
    struct packet *p = packet_take();
    if (!p)
        return; // as if it had got lost
    if (data) {
        page_share(data->page);
        p->page = data->page;
        p->header.bytes = data->header.bytes;
    }
    p->header.protocol = PROTOCOL_STREAM;
    p->header.flags = flags;
    p->header.from_port = s->port;
    p->header.to_port = s->peer_port;
    p->header.to = s->peer;
    p->header.most = s->most;
    p->header.sequence = sequence;
    p->header.acknowledged = s->expected;
    p->header.window = stream_window(s);
    s->promised = s->expected + p->header.window;
    s->owes = 0;
    net_send(p);
}

// What acknowledges is the next number, even where that was to be sent again.
void stream_acknowledge(struct socket *s) {
    segment(s, 0, s->next, FLAG_ACKNOWLEDGES);
}

static void await(struct socket *s) {
    if (!s->due)
        s->due = timer_ticks() + s->patience;
}

// Asks for a connection, or answers who asks.
void stream_begin(struct socket *s) {
    s->next = s->written = s->oldest + 1;
    segment(s, 0, s->oldest, s->phase == ASKS ? FLAG_BEGIN : FLAG_BEGIN | FLAG_ACKNOWLEDGES);
    await(s);
}

// After a long wait one segment goes alone, be it data or the end, until it is acknowledged.
static int probes(const struct socket *s) {
    return s->probes && s->oldest != s->next;
}

static int may_go(const struct socket *s, const struct packet *p) {
    if (probes(s))
        return 0;
    int last = !p->next && !s->ends && p->header.bytes < s->most;
    return !before(s->allowed, p->header.sequence + p->header.bytes) && !(last && s->oldest != s->next);
}

// Sends what may be sent.
void stream_output(struct socket *s) {
    if (s->phase != OPEN)
        return;
    for (struct packet *p; (p = s->unsent) && may_go(s, p);) {
        s->unsent = p->next;
        s->next = p->header.sequence + p->header.bytes;
        segment(s, p, p->header.sequence, FLAG_ACKNOWLEDGES);
    }
    if (s->ends && !s->unsent && s->next == s->written && !probes(s)) {
        s->next++;
        segment(s, 0, s->written, FLAG_ACKNOWLEDGES | FLAG_END);
    }
    if (s->unsent || s->oldest != s->next)
        await(s);
}

// All that was not acknowledged goes once more.
void stream_again(struct socket *s) {
    s->unsent = s->sent.first;
    s->next = s->oldest;
    stream_output(s);
}

// Breaks off: the peer is told by the answer to a segment that is nobody's.
void stream_refuse(const struct header *to) {
    struct packet *p = to->flags & FLAG_RESET ? 0 : packet_take();
    if (!p)
        return;
    p->header.protocol = PROTOCOL_STREAM;
    p->header.flags = FLAG_RESET | FLAG_ACKNOWLEDGES;
    p->header.from_port = to->to_port;
    p->header.to_port = to->from_port;
    p->header.to = to->from;
    p->header.sequence = to->acknowledged;
    p->header.acknowledged = to->sequence + to->bytes + ((to->flags & (FLAG_BEGIN | FLAG_END)) != 0);
    net_send(p);
}

// The same on our own account.
void stream_reset(struct socket *s) {
    segment(s, 0, s->next, FLAG_RESET | FLAG_ACKNOWLEDGES);
    s->failed = 1;
    stream_done(s);
}

// It took too long: what was sent goes again; where the peer had no room, it is asked how much it has.
static void remind(struct socket *s) {
    if (s->phase != OPEN)
        stream_begin(s);
    else if (s->oldest != s->next)
        s->probes = 1, stream_again(s);
    else
        segment(s, 0, s->oldest - 1, FLAG_ACKNOWLEDGES);
}

// Once in each tick of the clock.
void stream_tick(struct socket *s, u64 tick) {
    if (s->owes)
        stream_acknowledge(s);
    if (!s->due || s->due > tick)
        return;
    if (s->phase == LINGERS || (s->phase == OPEN && s->oldest == s->next && !s->unsent)) {
        stream_done(s); // nothing more will come
        return;
    }
    if (++s->tries > MOST_TRIES) {
        stream_reset(s);
        return;
    }
    s->patience = s->patience < MOST_PATIENCE ? 2 * s->patience : s->patience;
    s->due = tick + s->patience;
    remind(s);
}
