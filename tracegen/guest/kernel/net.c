// The layer between protocols and the card: where packets go, and whose they are.
#include "announce.h"
#include "card.h"
#include "net.h"
#include "proc.h"

static struct queue own; // packets to this station: they never leave the machine
static int delivering;

void net_init(void) {
    net_enter();
    card_init();
    net_leave();
}

u32 net_station(void) {
    return card_station();
}

u32 net_stations(void) {
    return card_stations();
}

// Hands a packet on to its protocol, if it is for this station and whole.
void net_deliver(struct packet *p) {
    ANNOUNCE1(ANNOUNCE_SERVICE_ENTER, SERVICE_PROTOCOL);
    if (p->header.to != net_station() || packet_checksum(p))
        packet_drop(p);
    else if (p->header.protocol == PROTOCOL_STREAM)
        stream_input(p);
    else
        datagram_input(p);
    ANNOUNCE0(ANNOUNCE_SERVICE_EXIT);
}

// Sends a packet, which is the network's from here on, and may get lost.
void net_send(struct packet *p) {
    p->header.from = net_station();
    p->header.checksum = 0;
    p->header.checksum = packet_checksum(p);
    if (p->header.to == p->header.from)
        queue_add(&own, p);
    else
        card_send(p);
}

// Delivers what was sent to this station, and what is sent for that.  How many packets.
static u64 settle(void) {
    struct packet *p;
    u64 n = 0;
    if (delivering)
        return 0;
    for (delivering = 1; (p = queue_take(&own)); n++)
        net_deliver(p);
    delivering = 0;
    return n;
}

void net_enter(void) {
    enter(&netlock);
}

void net_leave(void) {
    settle();
    leave(&netlock);
}

// Sleeps for a socket, unless a packet may just have changed it.  -1 for a process that has to go home.
int net_sleep(const void *channel) {
    return settle() ? 0 : sleep_on(channel, 0);
}

// A stream that is closed, and whose peer has not acknowledged all; 0 for none.
static struct socket *unsent(void) {
    for (struct socket *s = sockets; s < sockets + MAX_SOCKETS; s++)
        if (s->kind == SOCKET_STREAM && s->phase == OPEN && !s->described && !s->listener && (s->unsent || s->oldest != s->next))
            return s;
    return 0;
}

// Before the machine goes off: waits until peers have all that was written to streams which are closed.
void net_finish(void) {
    net_enter();
    for (const struct socket *s; (s = unsent());)
        sleep(s);
    net_leave();
}

// What the card has brought, or sent.
void net_interrupt(void) {
    net_enter();
    card_interrupt();
    net_leave();
}

// Whether somebody may yet be woken by a packet, perhaps another machine's, or for want of one.
int net_may_wake(void) {
    if (__atomic_load_n(&netlock.lock.holder, __ATOMIC_RELAXED) || card_stations() > 1)
        return 1;
    const struct socket *s = sockets;
    while (s < sockets + MAX_SOCKETS && !(s->kind && (s->due || s->owes)))
        s++;
    return s < sockets + MAX_SOCKETS;
}

// Each tick of the clock: what has waited long enough is done again.
void net_tick(u64 tick) {
    if (!streams_in_use)
        return;
    net_enter();
    for (struct socket *s = sockets; s < sockets + MAX_SOCKETS; s++)
        if (s->kind == SOCKET_STREAM)
            stream_tick(s, tick);
    net_leave();
}
