// Packets: so many, in a table; their payload is a page that others may hold, too.
#include "net.h"

static struct packet packets[MAX_PACKETS];
static struct packet *spare; // those that came back
static u64 used;             // of the table, the first so many ever were in use

// A packet without a payload; 0 when all are in use.
struct packet *packet_take(void) {
    struct packet *p = spare;
    if (p)
        spare = p->next;
    else if (used < MAX_PACKETS)
        p = packets + used++;
    else
        return 0;
    memset(p, 0, sizeof *p);
    return p;
}

void packet_drop(struct packet *p) {
    if (p->page)
        page_free(p->page);
    p->next = spare;
    spare = p;
}

// A packet with `bytes` from user address `from`; 0 where packets or memory are out, or these are not the process's.
struct packet *packet_take_filled(u64 from, u64 bytes) {
    u64 page = bytes ? page_alloc() : 0;
    struct packet *p = bytes && !page ? 0 : packet_take();
    if (p) {
        p->page = page;
        p->header.bytes = (u32)bytes;
        if (!bytes || !copy_in(KERNEL(page), from, bytes))
            return p;
        packet_drop(p);
    } else if (page) {
        page_free(page);
    }
    return 0;
}

void queue_add(struct queue *queue, struct packet *p) {
    p->next = 0;
    *(queue->first ? &queue->last->next : &queue->first) = p;
    queue->last = p;
    queue->count++;
}

// The first of a queue; 0 when it is empty.
struct packet *queue_take(struct queue *queue) {
    struct packet *p = queue->first;
    if (p) {
        queue->first = p->next;
        queue->count--;
    }
    return p;
}

void queue_empty(struct queue *queue) {
    struct packet *p;
    while ((p = queue_take(queue)))
        packet_drop(p);
}

// The sum of whole words, in which halves of a word count alike, and carries come back at the other end.
static u64 add(u64 sum, const u64 *from, u64 words) {
    for (const u64 *end = from + words; from < end; from++) {
        sum += *from;
        sum += sum < *from;
    }
    return sum;
}

// The Internet's checksum (RFC 1071) of header and payload: the complement of their sum in ones' complement.  That of a
// packet which has its own in the header is 0.
u16 packet_checksum(struct packet *p) {
    u64 sum = add(0, (const u64 *)&p->header, sizeof p->header / sizeof(u64)), bytes = p->header.bytes, rest = 0;
    if (p->page) {
        const u8 *from = KERNEL(p->page);
        memcpy(&rest, from + (bytes & ~7UL), bytes & 7);
        sum = add(add(sum, (const u64 *)from, bytes / 8), &rest, 1);
    }
    for (int half = 32; half >= 16; half /= 2)
        for (int i = 0; i < 2; i++)
            sum = (sum & ((1UL << half) - 1)) + (sum >> half);
    return (u16)~sum;
}
