// web: a server with processes that answer, and clients that ask and check.
//
// A request is a line: "GET NAME" for a file, "GET ?N" for page N of those that are made when asked for, or "END", by which
// a client says that it has no more.  The answer is the number of bytes in decimal, a newline, and as many bytes.
#pragma once
#include "workload.h"

#define PORT 80
#define LINE_BYTES 64     // of a request
#define CHUNK 4096        // bytes that are read or written at a time
#define PAGES 64          // pages that are made
#define MOST_PAGE 8192    // bytes of one
#define MTU NET_MTU

// server.c: answers until `clients` have ended; its processes are to be waited for
int serve_web(i64 listener, u64 workers, u64 clients);

// client.c: a client's `requests`, of which `made` in 100 are for pages that are made
void ask_web(u64 station, u64 seed, u64 requests, u64 made, struct outcome *outcome);

// page.c: page n, into `to`, and how long it is
u64 make_page(u64 n, char *to);
