// The network card's driver: a ring of packets to send, a ring of empty ones to receive.  The card moves headers and
// payloads by DMA from where they lie to where they stay.
//
// A packet that has left is given back when the driver next has to do with the card, so that few interrupts say so.
#include "announce.h"
#include "arch.h"
#include "card.h"
#include "nfs.h"
#include "percpu.h"

#define NOTICES 32 // of so many packets to send one's leaving interrupts

struct ring {
    volatile u64 (*slot)[NET_DESCRIPTOR_BYTES / sizeof(u64)]; // descriptors, in a page
    struct packet *packet[NET_RING];
    u64 first, count; // those that the card has, or has done with
};

static struct ring sending, receiving;
static struct queue came; // packets, until the protocols get them
static u64 station = 1, stations = 1;

u32 card_station(void) {
    return (u32)station;
}

u32 card_stations(void) {
    return (u32)stations;
}

// Gives the card a packet: to send, or to receive into.
static void give(struct ring *ring, struct packet *p, u64 sizes, u64 state) {
    u64 i = (ring->first + ring->count++) % NET_RING;
    ring->packet[i] = p;
    ring->slot[i][NET_HEADER_WORD] = PHYSICAL(&p->header);
    ring->slot[i][NET_PAYLOAD_WORD] = p->page;
    ring->slot[i][NET_SIZES_WORD] = sizes;
    ring->slot[i][NET_STATE_WORD] = state;
}

// Takes back the first packet of a ring if the card has done with it, or 0.
static struct packet *take_back(struct ring *ring, u64 *sizes) {
    u64 i = ring->first, state = ring->slot[i][NET_STATE_WORD];
    if (!ring->count || (state != NET_DONE && state != NET_REFUSED))
        return 0;
    if (state == NET_REFUSED)
        panic("the network card refused a packet", 0);
    *sizes = ring->slot[i][NET_SIZES_WORD];
    ring->slot[i][NET_STATE_WORD] = NET_EMPTY;
    ring->first = (i + 1) % NET_RING;
    ring->count--;
    return ring->packet[i];
}

static void reap(void) {
    struct packet *p;
    u64 sizes;
    while ((p = take_back(&sending, &sizes)))
        packet_drop(p);
}

// Sends a packet.  It is lost where nobody is there, or the card has too many already.
void card_send(struct packet *p) {
    ANNOUNCE1(ANNOUNCE_SERVICE_ENTER, SERVICE_NET);
    if (stations > 1)
        reap();
    if (stations == 1 || sending.count == NET_RING) {
        packet_drop(p);
    } else {
        u64 sizes = NET_HEADER_BYTES | (u64)p->header.bytes << NET_PAYLOAD_SHIFT | (u64)p->header.to << NET_STATION_SHIFT;
        u64 notify = (sending.first + sending.count) % NOTICES == NOTICES - 1 ? NET_NOTIFY : 0;
        give(&sending, p, sizes, NET_READY | notify);
        device_write(NET_SEND, 1);
    }
    ANNOUNCE0(ANNOUNCE_SERVICE_EXIT);
}

// A packet with an empty page to receive into; 0 where either is out, or no more than `reserve` pages are free.
static struct packet *empty(u64 reserve) {
    struct packet *p = packet_take();
    if (p && !(p->page = page_take(reserve))) {
        packet_drop(p);
        return 0;
    }
    return p;
}

static void offer(struct packet *p) {
    give(&receiving, p, NET_HEADER_BYTES | (u64)PAGE_BYTES << NET_PAYLOAD_SHIFT, NET_READY);
}

// The packet that takes the place of one that came: it gets that one's page, if nothing is in it.  For a page that the
// buffer cache waits for there is another one in the end, so that it may have one of the last.
static struct packet *successor(struct packet *p, u64 sizes) {
    if (sizes >> NET_PAYLOAD_SHIFT & 0xffff)
        return empty(rpc_waits_for(p) ? 0 : RESERVED_PAGES);
    struct packet *next = packet_take();
    if (next) {
        next->page = p->page;
        p->page = 0;
    }
    return next;
}

// Keeps a packet that came whole, for which the card gets an empty one.  Without memory the packet is lost.
static void keep(struct packet *p, u64 sizes) {
    struct packet *next = successor(p, sizes);
    offer(next ? next : p);
    if (!next)
        return;
    p->header.from = (u32)(sizes >> NET_STATION_SHIFT & 0xffff);
    if ((sizes & 0xffff) == NET_HEADER_BYTES && (sizes >> NET_PAYLOAD_SHIFT & 0xffff) == p->header.bytes)
        queue_add(&came, p);
    else
        packet_drop(p);
}

// Packets have come, or left.
void card_interrupt(void) {
    struct packet *p;
    u64 sizes, taken = 0;
    ANNOUNCE1(ANNOUNCE_SERVICE_ENTER, SERVICE_NET);
    device_write(NET_ACKNOWLEDGE, device_read(NET_STATUS));
    reap();
    for (; (p = take_back(&receiving, &sizes)); taken++)
        keep(p, sizes);
    if (taken)
        device_write(NET_RECEIVE, taken);
    ANNOUNCE0(ANNOUNCE_SERVICE_EXIT);
    while ((p = queue_take(&came)))
        net_deliver(p);
}

static void use(struct ring *ring, u16 at) {
    u64 page = page_alloc_zeroed();
    if (!page)
        panic("no memory for the network card", 0);
    ring->slot = KERNEL(page);
    device_write(at, page >> PAGE_SHIFT);
}

// A machine that is alone does without the card.
void card_init(void) {
    station = device_read(NET_ADDRESS);
    stations = device_read(NET_STATIONS);
    if (stations == 1)
        return;
    use(&sending, NET_SEND_RING);
    use(&receiving, NET_RECEIVE_RING);
    struct packet *p;
    while (receiving.count < NET_BUFFERS && (p = empty(RESERVED_PAGES)))
        offer(p);
    device_write(NET_RECEIVE, receiving.count);
}
