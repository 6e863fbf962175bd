// Datagrams (UDP-like): one packet each, which arrives or does not.
#include "net.h"
#include "proc.h"

// A datagram that nobody waits for, or for whom too many wait already, is dropped.
void datagram_input(struct packet *p) {
    struct socket *s = socket_find(&p->header);
    if (!s || s->received.count >= MAX_RECEIVED) {
        packet_drop(p);
        return;
    }
    if (s->input) {
        s->input(s, p);
        return;
    }
    queue_add(&s->received, p);
    socket_changed(s);
}

// Bytes sent; -1 where they are too many for a packet, or go nowhere.
i64 datagram_send(struct socket *s, const struct message *message) {
    if (!message->station || message->station > ~0U || !message->port || message->port > 0xffff || message->bytes > s->most)
        return -1;
    if (!s->port && socket_choose_port(s, 0) < 0)
        return -1;
    struct packet *p = packet_take_filled(message->data, message->bytes);
    if (!p)
        return -1;
    p->header.protocol = PROTOCOL_DATAGRAM;
    p->header.from_port = s->port;
    p->header.to_port = (u16)message->port;
    p->header.to = (u32)message->station;
    memcpy(p->header.head, message->head, sizeof message->head);
    net_send(p);
    return (i64)message->bytes;
}

// The next datagram's bytes, of which `data` gets as many as it takes; and who sent it.
i64 datagram_receive(struct socket *s, struct message *message) {
    while (!s->received.first)
        if (net_sleep(s))
            return -1;
    struct packet *p = queue_take(&s->received);
    i64 bytes = p->header.bytes;
    message->station = p->header.from;
    message->port = p->header.from_port;
    memcpy(message->head, p->header.head, sizeof message->head);
    u64 taken = p->header.bytes < message->bytes ? p->header.bytes : message->bytes;
    int failed = taken && copy_out(message->data, KERNEL(p->page), taken);
    packet_drop(p);
    return failed ? -1 : bytes;
}
