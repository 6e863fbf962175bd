// nfs: a service for files of another machine, by remote procedure calls over datagrams.
//
// A call and its answer are one packet each.  Their words travel in its header, so that a page of a file is a page in the
// packet, too.  Each call does the same if it comes twice: who gets no answer calls again.
#pragma once
#include "workload.h"

#define PORT 2049
#define MTU NET_MTU_MOST

enum { LOOKUP = 1, CREATE, GETPAGE, PUTPAGE, DONE }; // what is called
enum { CALL, NUMBER, HANDLE, INDEX, VALUE };         // words of the header: VALUE is the answer, -1 where it is refused

// server.c: serves until so many clients are done
int serve_files(i64 own, u64 clients);

// client.c: calls again until there is an answer.  -1 where the server refuses, or is not there.
struct remote {
    i64 own;          // a socket
    u64 station;      // the server's
    u64 calls, again; // how many; and of them, made again
    u64 handle;       // of the latest answer
};
i64 remote_open(struct remote *at, u64 call, const char *name); // its bytes
i64 remote_get(struct remote *at, u64 handle, u64 index, void *page); // how many came
i64 remote_put(struct remote *at, u64 handle, u64 index, const void *page, u64 bytes);
void remote_done(struct remote *at);

// cache.c: pages of remote files, those used last
const u8 *cached_page(struct remote *at, u64 handle, u64 index); // 0 where the server refuses
