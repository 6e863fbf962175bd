// What streams receive (TCP-like): connections begin, data and acknowledgements come, and ends.
//
// A segment that comes before another one that is missing is kept until that is there.
#include "net.h"

// The stream is over, for good or because it failed.
void stream_done(struct socket *s) {
    if (s->phase == ANSWERS) {
        s->listener->waiting--;
        s->listener = 0;
    }
    s->phase = CLOSED;
    s->due = s->owes = 0;
    s->unsent = 0;
    queue_empty(&s->sent);
    socket_changed(s);
    if (!s->described && !s->listener)
        socket_remove(s);
}

static u32 smaller(u32 a, u32 b) {
    return a < b ? a : b;
}

// Somebody asks a listener for a connection.  If there is no room, who asks will ask again.
static void take_call(struct socket *listener, const struct header *h) {
    if (h->flags & FLAG_ACKNOWLEDGES)
        stream_refuse(h);
    if (h->flags != FLAG_BEGIN || listener->waiting >= listener->backlog)
        return;
    struct socket *s = socket_make(SOCKET_STREAM);
    if (!s)
        return;
    s->peer = h->from;
    s->peer_port = h->from_port;
    s->most = smaller(listener->most, h->most);
    s->listener = listener;
    listener->waiting++;
    socket_number(s, listener->port);
    s->expected = h->sequence + 1;
    stream_number(s);
    s->phase = ANSWERS;
    stream_begin(s);
}

// The stream is open: its first byte has the number behind the one that asked or answered.
static void open(struct socket *s) {
    s->phase = OPEN;
    s->oldest = s->recover = s->next;
    s->tries = s->due = 0;
    s->patience = PATIENCE;
}

// An answer to who asked.
static void take_answer(struct socket *s, const struct header *h) {
    if (!(h->flags & FLAG_ACKNOWLEDGES) || h->acknowledged != s->next) {
        stream_refuse(h);
    } else if (h->flags & FLAG_RESET) {
        s->failed = 1;
        stream_done(s);
    } else if (h->flags & FLAG_BEGIN) {
        open(s);
        s->expected = h->sequence + 1;
        s->most = smaller(s->most, h->most);
        s->allowed = h->acknowledged + h->window;
        stream_acknowledge(s);
        socket_changed(s);
    }
}

// The peer has all that answered it: the listener has one more that it can accept.
static void take_agreement(struct socket *s) {
    struct socket **link = &s->listener->pending;
    open(s);
    while (*link)
        link = &(*link)->pending;
    *link = s;
    socket_changed(s->listener);
}

// The peer has all before `number`.
static void advance(struct socket *s, u32 number) {
    struct packet *p;
    s->oldest = number;
    if (before(s->next, number))
        s->next = number;
    while ((p = s->sent.first) && !before(number, p->header.sequence + p->header.bytes)) {
        s->unsent = s->unsent == p ? p->next : s->unsent;
        packet_drop(queue_take(&s->sent));
    }
    s->patience = PATIENCE;
    s->due = s->repeats = 0;
    s->probes = 0;
    if (s->ends && number == s->written + 1 && !s->described && !s->ended)
        s->due = timer_ticks() + LONGEST_END;
    socket_changed(s);
}

// Three times the same says that a segment got lost (fast retransmission).
static void take_acknowledgement(struct socket *s, const struct header *h) {
    u32 number = h->acknowledged, last = s->written + (s->ends != 0);
    if (before(number, s->oldest) || before(last, number))
        return;
    int repeated = number == s->oldest && !h->bytes && !(h->flags & FLAG_END) && s->allowed == number + h->window;
    s->allowed = number + h->window;
    s->tries = 0;
    if (number != s->oldest) {
        advance(s, number);
    } else if (repeated && s->oldest != s->next && ++s->repeats == 3 && !before(s->oldest, s->recover)) {
        s->recover = s->next;
        stream_again(s);
    }
}

// Keeps a segment that comes too early until those before it are there; whether it does.  They lie in their order.
static int keep_early(struct socket *s, struct packet *p) {
    const struct header *h = &p->header;
    struct packet **link = &s->early;
    u64 kept = 0;
    for (; *link && before((*link)->header.sequence, h->sequence); link = &(*link)->next)
        kept++;
    for (const struct packet *q = *link; q; q = q->next)
        kept++;
    if (!h->bytes || kept >= MAX_RECEIVED || before(s->promised, h->sequence + h->bytes) || (*link && (*link)->header.sequence == h->sequence))
        return 0;
    p->next = *link;
    *link = p;
    return 1;
}

// Adds what is new of a segment to what can be read.
static void append(struct socket *s, struct packet *p) {
    p->at = s->expected - p->header.sequence;
    s->expected = p->header.sequence + p->header.bytes;
    s->owes++;
    queue_add(&s->received, p);
}

// Those that came early and whose turn it is.
static void take_early(struct socket *s) {
    struct packet *p;
    while ((p = s->early) && !before(s->expected, p->header.sequence) && s->received.count < MAX_RECEIVED) {
        s->early = p->next;
        if (before(s->expected, p->header.sequence + p->header.bytes))
            append(s, p);
        else
            packet_drop(p);
    }
}

// Takes a segment's payload: what comes next, or may come later; whether it has.
static int take_payload(struct socket *s, struct packet *p) {
    const struct header *h = &p->header;
    int is_early = before(s->expected, h->sequence);
    if (is_early || (h->sequence != s->expected && !before(s->expected, h->sequence + h->bytes)) ||
        (h->bytes && s->received.count >= MAX_RECEIVED)) {
        s->owes = 2; // not what was expected: says at once what is
        return is_early && keep_early(s, p);
    }
    if (!h->bytes)
        return 0;
    append(s, p);
    take_early(s);
    socket_changed(s);
    return 1;
}

// The peer has written all that it wants to.
static void take_end(struct socket *s) {
    s->expected++;
    s->ended = 1;
    s->owes = 2;
    socket_changed(s);
}

// Both have written all, and each knows that of the other.  Who acknowledged last stays a while, in case that got lost.
static void finish(struct socket *s, int by_peer) {
    if (!s->ended || !s->ends || s->oldest != s->written + 1 || s->phase != OPEN)
        return;
    if (!by_peer) {
        stream_done(s);
        return;
    }
    s->phase = LINGERS;
    s->due = timer_ticks() + LINGER;
}

// A segment of a stream that is open; whether its payload was taken.
static int take_segment(struct socket *s, struct packet *p) {
    struct header h = p->header; // a packet that was taken may be read and gone
    int orphan = !s->described && !s->listener;
    if (orphan && h.bytes && before(s->expected, h.sequence + h.bytes)) {
        stream_reset(s); // nobody will read it
        return 0;
    }
    take_acknowledgement(s, &h);
    int taken = take_payload(s, p);
    int end = h.flags & FLAG_END && !s->ended && h.sequence + h.bytes == s->expected;
    if (end)
        take_end(s);
    stream_output(s);
    if (s->owes >= 2)
        stream_acknowledge(s);
    finish(s, end);
    return taken;
}

// A segment for a stream of which both know, or nearly so.
static int take_known(struct socket *s, struct packet *p) {
    const struct header *h = &p->header;
    if (h->flags & FLAG_RESET) {
        if (h->sequence == s->expected) {
            s->failed = 1;
            stream_done(s);
        }
    } else if (h->flags & FLAG_BEGIN) {
        if (s->phase == ANSWERS)
            stream_begin(s);
        else
            stream_acknowledge(s);
    } else if (s->phase == ANSWERS && h->acknowledged != s->next) {
        stream_refuse(h);
    } else {
        if (s->phase == ANSWERS)
            take_agreement(s);
        return take_segment(s, p);
    }
    return 0;
}

void stream_input(struct packet *p) {
    struct socket *s = socket_find(&p->header);
    int taken = 0;
    if (!s || s->phase == CLOSED)
        stream_refuse(&p->header);
    else if (s->phase == LISTENS)
        take_call(s, &p->header);
    else if (s->phase == ASKS)
        take_answer(s, &p->header);
    else
        taken = take_known(s, p);
    if (!taken)
        packet_drop(p);
}
