// The network, from packets up to sockets.
//
// A packet is a header and a payload, which lies in a page of its own from the page's beginning on, so that it can become
// somebody's page without a copy.  Stations have numbers.  All of this is inside the guard netlock; who leaves it has
// delivered what was sent to the own station.
#pragma once
#include "kernel.h"
#include "lock.h"
#include "param.h"

enum { PROTOCOL_DATAGRAM = 1, PROTOCOL_STREAM }; // of a header
enum { FLAG_BEGIN = 1, FLAG_ACKNOWLEDGES = 2, FLAG_END = 4, FLAG_RESET = 8 }; // SYN, ACK, FIN, RST of TCP

struct header {
    u16 checksum;
    u8 protocol, flags;
    u16 from_port, to_port;
    u32 from, to; // stations
    u32 bytes;    // of payload
    u32 most;     // that the sender takes in a packet, where a stream begins
    union {
        struct {
            u32 sequence;     // of the first byte
            u32 acknowledged; // what the sender waits for
            u32 window;       // bytes from there on that it takes
        };
        u64 head[NET_HEAD_WORDS]; // of a datagram
    };
};

static_assert(sizeof(struct header) == NET_HEADER_BYTES, "headers are as abi.py says");

struct packet {
    alignas(NET_HEADER_BYTES) struct header header;
    struct packet *next;
    u64 page; // of the payload; 0 for none
    u64 at;   // where in it the bytes begin that nobody has read
};

struct queue {
    struct packet *first, *last;
    u64 count;
};

// What a socket of kind SOCKET_STREAM is: RFC 793's states, but for those in which one side has ended: `ends`, `ended`.
enum phase { CLOSED, LISTENS, ASKS, ANSWERS, OPEN, LINGERS }; // LISTEN, SYN-SENT, SYN-RECEIVED, ESTABLISHED, TIME-WAIT

struct socket {
    u64 kind;             // 0: not in use
    struct socket *chain; // the next one whose port has the same hash
    int described;        // by a descriptor
    u32 peer;             // station, 0 for none
    u16 port, peer_port;
    u32 most;             // bytes of payload in a packet
    struct queue received;
    void (*input)(struct socket *s, struct packet *p); // of the kernel's own: takes each packet that comes
    // Of a stream:
    enum phase phase;
    int ends, ended, failed;     // what we write has an end, what the peer writes has; the peer has broken off
    struct queue sent;           // and not acknowledged, or waiting for room at the peer
    struct packet *unsent;       // the first of `sent` that waits
    u32 oldest, next, written;   // numbers: not acknowledged, not sent, not written
    u32 allowed;                 // the peer takes what is before
    int probes;                  // one segment at a time, until the peer acknowledges something new
    u32 recover, repeats;        // acknowledgements that say the same again, beyond the latest time when that was heeded
    u32 expected, promised;      // the next byte of the peer's, and the first that it may not send
    struct packet *early;        // segments that came before others that are missing
    u64 owes;                    // segments that were not acknowledged
    u64 due, patience, tries;    // the tick when something is done again, how long that takes, how often it was
    struct socket *listener;     // whose accept() this waits for
    struct socket *pending;      // the next that waits there, or of a listener the first
    u64 waiting, backlog;        // of a listener: how many there are, and may be
};

// What a program says of a datagram.
struct message {
    u64 station, port;
    u64 data, bytes; // user address
    u64 head[NET_HEAD_WORDS];
};

// packet.c
struct packet *packet_take(void);
struct packet *packet_take_filled(u64 from, u64 bytes);
void packet_drop(struct packet *p);
void queue_add(struct queue *queue, struct packet *p);
struct packet *queue_take(struct queue *queue);
void queue_empty(struct queue *queue);
u16 packet_checksum(struct packet *p);

// net.c
extern u64 streams_in_use; // sockets of that kind
void net_enter(void);
void net_leave(void);
int net_sleep(const void *channel);
void net_send(struct packet *p);
void net_deliver(struct packet *p);

// socket.c
struct socket *socket_make(u64 kind);
struct socket *socket_find(const struct header *header);
void socket_number(struct socket *s, u16 port);
void socket_remove(struct socket *s);
void socket_changed(struct socket *s);
i64 socket_choose_port(struct socket *s, u64 port);
extern struct socket sockets[MAX_SOCKETS];

// datagram.c
void datagram_input(struct packet *p);
i64 datagram_send(struct socket *s, const struct message *message);
i64 datagram_receive(struct socket *s, struct message *message);

// stream.c
void stream_number(struct socket *s);
i64 stream_connect(struct socket *s);
struct socket *stream_accept(struct socket *listener);
i64 stream_read(struct socket *s, u64 to, u64 bytes);
i64 stream_write(struct socket *s, u64 from, u64 bytes);
void stream_end(struct socket *s);
void stream_close(struct socket *s);
int stream_is_ready(const struct socket *s, int write);

// receive.c
void stream_input(struct packet *p);
void stream_done(struct socket *s);

// transmit.c
void stream_begin(struct socket *s);
void stream_output(struct socket *s);
void stream_acknowledge(struct socket *s);
void stream_refuse(const struct header *to);
void stream_reset(struct socket *s);
void stream_again(struct socket *s);
void stream_tick(struct socket *s, u64 tick);
u32 stream_window(const struct socket *s);

// Whether number `a` comes before `b`: they wrap.
static inline int before(u32 a, u32 b) {
    return (i32)(a - b) < 0;
}
