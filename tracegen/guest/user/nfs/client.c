// The client's side of a call.
#include "nfs.h"

#define TICKS 5 // until it is made again
#define TRIES 100

static struct datagram sent, answer;

// Waits for the answer to the latest call; 0 where that takes too long.
static int hear(struct remote *at, void *page) {
    struct sets sets = {{1UL << at->own}, {0}};
    while (sys_select(&sets, TICKS) == 1) {
        answer.data = page, answer.bytes = page ? PAGE_BYTES : 0;
        if (sys_recvfrom(at->own, &answer) >= 0 && answer.head[NUMBER] == at->calls)
            return 1;
    }
    return 0;
}

static i64 call(struct remote *at, u64 what, u64 handle, u64 index, void *page) {
    at->calls++;
    sent.station = at->station, sent.port = PORT;
    sent.head[CALL] = what, sent.head[NUMBER] = at->calls, sent.head[HANDLE] = handle, sent.head[INDEX] = index;
    for (u64 i = 0; i < TRIES; i++, at->again++)
        if (sys_sendto(at->own, &sent) >= 0 && hear(at, page)) {
            at->handle = answer.head[HANDLE];
            return (i64)answer.head[VALUE];
        }
    return -1;
}

i64 remote_open(struct remote *at, u64 what, const char *name) {
    sent.data = (void *)name, sent.bytes = strlen(name) + 1;
    return call(at, what, 0, 0, 0);
}

i64 remote_get(struct remote *at, u64 handle, u64 index, void *page) {
    sent.bytes = 0;
    return call(at, GETPAGE, handle, index, page);
}

i64 remote_put(struct remote *at, u64 handle, u64 index, const void *page, u64 bytes) {
    sent.data = (void *)page, sent.bytes = bytes;
    return call(at, PUTPAGE, handle, index, 0);
}

void remote_done(struct remote *at) {
    sent.bytes = 0;
    call(at, DONE, 0, 0, 0);
}
