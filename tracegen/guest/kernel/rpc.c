// Calls to file servers: sent again until there is an answer, by the process that waits for it.
#include "announce.h"
#include "net.h"
#include "nfs.h"

struct call { // on its process's stack
    struct call *next;
    u64 number;
    struct packet *answer;
};

static struct call *calls; // that wait
static struct socket *own;
static u64 latest;

// The call that a packet answers, if that still waits; or 0.
static struct call *call_of(const struct packet *p) {
    u64 number = p->header.head[NFS_CALL] >> NFS_CALL_SHIFT;
    struct call *call = calls;
    while (call && call->number != number)
        call = call->next;
    return call && !call->answer ? call : 0;
}

// Whether a packet that came is an answer.
int rpc_waits_for(const struct packet *p) {
    const struct header *h = &p->header;
    return own && h->protocol == PROTOCOL_DATAGRAM && h->from_port == NFS_PORT && h->to_port == own->port && call_of(p);
}

static void take_answer(struct socket *, struct packet *p) {
    struct call *call = call_of(p);
    if (!call) {
        packet_drop(p);
        return;
    }
    call->answer = p;
    wake(call);
}

// Makes calls possible.  -1 where there are too many sockets.
int rpc_begin(void) {
    net_enter();
    if (!own && (own = socket_make(SOCKET_DATAGRAM))) {
        socket_choose_port(own, 0);
        own->input = take_answer;
    }
    net_leave();
    return own ? 0 : -1;
}

static void send(u64 station, u64 number, const u64 *words, u64 page, u64 bytes) {
    struct packet *p = packet_take();
    if (!p)
        return; // as if it had got lost
    if (page)
        page_share(page);
    p->page = page;
    p->header.bytes = (u32)bytes;
    p->header.protocol = PROTOCOL_DATAGRAM;
    p->header.from_port = own->port;
    p->header.to_port = NFS_PORT;
    p->header.to = (u32)station;
    memcpy(p->header.head, words, sizeof p->header.head);
    p->header.head[NFS_CALL] |= number << NFS_CALL_SHIFT;
    net_send(p);
}

// Sends a call, and waits for its answer so long.  A kill does not cut that short.
static void attempt(struct call *call, u64 station, const u64 *words, u64 page, u64 bytes, u64 patience) {
    u64 until = timer_ticks() + patience;
    send(station, call->number, words, page, bytes);
    while (!call->answer && timer_ticks() < until)
        sleep_up_to(call, until);
}

// The card needs pages to receive into: those that can be had at once are made free.
static void make_room(void) {
    u64 page = page_alloc();
    if (page)
        page_free(page);
}

static struct packet *answer_of(u64 station, const u64 *words, u64 page, u64 bytes) {
    u64 first = words[NFS_CALL] == NFS_MOUNT || words[NFS_CALL] == NFS_UNMOUNT, patience = PATIENCE;
    struct call call = {.next = calls, .number = ++latest}, **link = &calls;
    calls = &call;
    for (u64 tries = 0; !call.answer && tries < (first ? REQUEST_TRIES / 5 : REQUEST_TRIES); tries++) {
        if (tries)
            make_room();
        attempt(&call, station, words, page, bytes, patience);
        patience = patience < MOST_PATIENCE ? 2 * patience : patience;
    }
    while (*link != &call)
        link = &(*link)->next;
    *link = call.next;
    return call.answer;
}

// Calls a station's file server: `words` are the call's, then the answer's.  With it go `bytes` of `page`, which stays the
// caller's; `*got`, unless that is 0, is the page that came, which is the caller's from here on, or 0.  -1: no answer.
int rpc(u64 station, u64 *words, u64 page, u64 bytes, u64 *got) {
    ANNOUNCE1(ANNOUNCE_SERVICE_ENTER, SERVICE_NFS_CLIENT);
    net_enter();
    struct packet *answer = answer_of(station, words, page, bytes);
    if (answer) {
        memcpy(words, answer->header.head, sizeof answer->header.head);
        if (got) {
            *got = answer->header.bytes == PAGE_BYTES ? answer->page : 0;
            answer->page = *got ? 0 : answer->page;
        }
        packet_drop(answer);
    }
    net_leave();
    ANNOUNCE0(ANNOUNCE_SERVICE_EXIT);
    return answer ? 0 : -1;
}
