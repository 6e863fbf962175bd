// A client's requests to a file server, in the mix of NetBench as dbench plays it.
#pragma once
#include "workload.h"

#define FILES 12           // names that a client has files under
#define MOST_OPEN 4        // of them open at a time
#define MOST_BYTES 0x10000 // of a file
#define CHUNK 0x4000       // of a read or a write, at most
#define WORDS (CHUNK / sizeof(u64))

// What a client knows of a file; its words say whose it is, and where they are.
struct known {
    i64 descriptor; // -1 while it is closed
    int exists;
    u64 bytes;
    u64 mark; // of its content
};

struct client {
    u64 index, state;
    u64 open, made; // files that are open; that were made so far
    struct known file[FILES];
    u64 wrong, digest;
};

// Requests, and how many of 10,000 they are: the counts that dbench 4 reports of its load, NetBench's.  Locks, 11 of
// 10,000, have no counterpart here.
#define REQUESTS(R)                                                                                  \
    R(read_some, 2709) R(open_or_make, 1729) R(path_info, 1567) R(close_one, 1270) R(write_some, 862) \
    R(find, 606) R(remove_one, 349) R(disk_info, 287) R(file_info, 275) R(set_info, 141) R(flush, 121) \
    R(rename_one, 73)

#define DECLARE(function, weight) void function(struct client *c);
REQUESTS(DECLARE)
#undef DECLARE

void client_begin(struct client *c, u64 index);
void client_end(struct client *c); // looks all its files over, and deletes them
