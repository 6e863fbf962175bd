// Sockets: which there are, whose ports are whose, and the system calls on them.
#include "file.h"
#include "net.h"
#include "proc.h"

#define CHAINS 64
#define FIRST_FREE_PORT 49152 // from here on ports are chosen for who asks for any

struct socket sockets[MAX_SOCKETS];
u64 streams_in_use;
static struct socket *chains[CHAINS];
static u16 latest_port = FIRST_FREE_PORT - 1;

// A place in the table; that of the stream which has lingered longest, where it is full.  0 for none.
static struct socket *place(void) {
    struct socket *oldest = 0;
    for (struct socket *s = sockets; s < sockets + MAX_SOCKETS; s++) {
        if (!s->kind)
            return s;
        if (s->phase == LINGERS && !s->described && (!oldest || s->due < oldest->due))
            oldest = s;
    }
    if (oldest)
        stream_done(oldest);
    return oldest;
}

// A socket of a kind that is new; 0 when there are too many.
struct socket *socket_make(u64 kind) {
    struct socket *s = place();
    if (!s)
        return 0;
    memset(s, 0, sizeof *s);
    s->kind = kind;
    s->most = NET_MTU - NET_HEADER_BYTES;
    streams_in_use += kind == SOCKET_STREAM;
    return s;
}

// From here on packets to `port` may be for it.
void socket_number(struct socket *s, u16 port) {
    s->port = port;
    s->chain = chains[port % CHAINS];
    chains[port % CHAINS] = s;
}

void socket_remove(struct socket *s) {
    struct socket **link = chains + s->port % CHAINS;
    while (*link && *link != s)
        link = &(*link)->chain;
    if (*link)
        *link = s->chain;
    for (struct packet *p; (p = s->early);) {
        s->early = p->next;
        packet_drop(p);
    }
    queue_empty(&s->received);
    queue_empty(&s->sent);
    streams_in_use -= s->kind == SOCKET_STREAM;
    s->kind = 0;
}

// Whose a packet is: that socket's which has its sender as peer, else one's that takes from all; 0 for nobody's.
struct socket *socket_find(const struct header *header) {
    struct socket *found = 0;
    u64 kind = header->protocol == PROTOCOL_STREAM ? SOCKET_STREAM : SOCKET_DATAGRAM;
    for (struct socket *s = chains[header->to_port % CHAINS]; s; s = s->chain) {
        if (s->port != header->to_port || s->kind != kind)
            continue;
        if (s->peer == header->from && s->peer_port == header->from_port)
            return s;
        if (!s->peer)
            found = s;
    }
    return found;
}

// Who sleeps for the socket, or for one of several, looks again.
void socket_changed(struct socket *s) {
    wake(s);
    select_wake();
}

// Whether a socket has the port; one with a peer leaves it to others, unless these want one of their `own`.
static int is_taken(u64 kind, u64 port, int own) {
    const struct socket *s = chains[port % CHAINS];
    while (s && !(s->port == port && s->kind == kind && (own || !s->peer)))
        s = s->chain;
    return s != 0;
}

static u64 free_port(u64 kind) {
    do
        latest_port = latest_port == 0xffff ? FIRST_FREE_PORT : (u16)(latest_port + 1);
    while (is_taken(kind, latest_port, 1));
    return latest_port;
}

// Gives a socket the port, or a free one for 0.  The port; -1 where it is another's, or the socket has one.
i64 socket_choose_port(struct socket *s, u64 port) {
    if (s->port || port > 0xffff || (port && is_taken(s->kind, port, 0)))
        return -1;
    socket_number(s, (u16)(port ? port : free_port(s->kind)));
    return s->port;
}

void socket_close(struct socket *s) {
    net_enter();
    s->described = 0;
    if (s->kind == SOCKET_STREAM)
        stream_close(s);
    else
        socket_remove(s);
    net_leave();
}

static i64 describe(struct socket *s) {
    i64 descriptor = file_describe((struct file){.kind = SOCKET, .socket = s});
    s->described = descriptor >= 0;
    return descriptor;
}

i64 socket_create(u64 kind, u64 most) {
    if ((kind != SOCKET_DATAGRAM && kind != SOCKET_STREAM) || (most && (most <= NET_HEADER_BYTES || most > NET_MTU_MOST)))
        return -1;
    net_enter();
    struct socket *s = socket_make(kind);
    i64 descriptor = s ? describe(s) : -1;
    if (s && most)
        s->most = (u32)(most - NET_HEADER_BYTES);
    if (s && descriptor < 0)
        socket_remove(s);
    net_leave();
    return descriptor;
}

// Does something with a descriptor's socket, which stays there meanwhile.
static i64 work_on(u64 descriptor, i64 (*work)(struct socket *, u64, u64), u64 first, u64 second) {
    struct file *file = file_of(descriptor);
    if (!file || file->kind != SOCKET)
        return -1;
    file_share(file);
    net_enter();
    i64 done = work(file->socket, first, second);
    net_leave();
    file_close(file);
    return done;
}

static i64 bind(struct socket *s, u64 port, u64) {
    return socket_choose_port(s, port);
}

i64 socket_bind(u64 descriptor, u64 port) {
    return work_on(descriptor, bind, port, 0);
}

static i64 listen(struct socket *s, u64 backlog, u64) {
    if (s->kind != SOCKET_STREAM || !s->port || s->phase != CLOSED || s->peer)
        return -1;
    s->phase = LISTENS;
    s->backlog = backlog;
    return 0;
}

i64 socket_listen(u64 descriptor, u64 backlog) {
    return work_on(descriptor, listen, backlog, 0);
}

static i64 connect(struct socket *s, u64 station, u64 port) {
    if (!station || station > ~0U || !port || port > 0xffff || s->peer || s->phase != CLOSED)
        return -1;
    if (!s->port && socket_choose_port(s, 0) < 0)
        return -1;
    s->peer = (u32)station;
    s->peer_port = (u16)port;
    return s->kind == SOCKET_STREAM ? stream_connect(s) : 0;
}

i64 socket_connect(u64 descriptor, u64 station, u64 port) {
    return work_on(descriptor, connect, station, port);
}

static i64 accept(struct socket *listener, u64 to, u64) {
    struct socket *s = listener->phase == LISTENS ? stream_accept(listener) : 0;
    if (!s)
        return -1;
    u64 peer[2] = {s->peer, s->peer_port};
    i64 descriptor = describe(s);
    if (descriptor < 0)
        stream_close(s);
    else if (to && copy_out(to, peer, sizeof peer)) {
        file_drop((u64)descriptor);
        return -1;
    }
    return descriptor;
}

i64 socket_accept(u64 descriptor, u64 to) {
    return work_on(descriptor, accept, to, 0);
}

static i64 send(struct socket *s, u64 from, u64) {
    struct message message;
    return s->kind != SOCKET_DATAGRAM || copy_in(&message, from, sizeof message) ? -1 : datagram_send(s, &message);
}

i64 socket_send(u64 descriptor, u64 message) {
    return work_on(descriptor, send, message, 0);
}

static i64 receive(struct socket *s, u64 at, u64) {
    struct message message;
    if (s->kind != SOCKET_DATAGRAM || copy_in(&message, at, sizeof message))
        return -1;
    i64 bytes = datagram_receive(s, &message);
    return bytes < 0 || copy_out(at, &message, sizeof message) ? -1 : bytes;
}

i64 socket_receive(u64 descriptor, u64 message) {
    return work_on(descriptor, receive, message, 0);
}

static i64 shut(struct socket *s, u64, u64) {
    if (s->kind != SOCKET_STREAM || s->phase != OPEN || s->ends)
        return -1;
    stream_end(s);
    return 0;
}

i64 socket_shut(u64 descriptor) {
    return work_on(descriptor, shut, 0, 0);
}

// A message of `bytes` at a user address, to a socket's peer.
static void address(struct message *made, const struct socket *to, u64 data, u64 bytes) {
    memset(made, 0, sizeof *made);
    made->data = data;
    made->bytes = bytes;
    if (to) {
        made->station = to->peer;
        made->port = to->peer_port;
    }
}

// What read() and write() do: a stream's bytes, or one datagram of or to the peer.
i64 socket_read(struct socket *s, u64 to, u64 bytes) {
    struct message message;
    address(&message, 0, to, bytes);
    net_enter();
    i64 n = s->kind == SOCKET_STREAM ? stream_read(s, to, bytes) : datagram_receive(s, &message);
    net_leave();
    return n;
}

i64 socket_write(struct socket *s, u64 from, u64 bytes) {
    struct message message;
    address(&message, s, from, bytes);
    net_enter();
    i64 n = s->kind == SOCKET_STREAM ? stream_write(s, from, bytes) : datagram_send(s, &message);
    net_leave();
    return n;
}

// Whether a read or a write would not wait.
int socket_is_ready(const struct socket *s, int write) {
    if (s->kind == SOCKET_STREAM)
        return stream_is_ready(s, write);
    return write || s->received.first;
}
