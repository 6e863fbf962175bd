// A memory system with coherent caches: what its parts share.
#pragma once
#include "engineering.h"

#define NODES 8
#define SETS 256 // of a node's cache
#define WAYS 4
#define NONE NODES

// What travels, and what a node does next.
enum message { ISSUE, GET, GET_OWN, REFUSED, DATA, DATA_OWN, FETCH, FETCH_OWN, INVALIDATE, ACKNOWLEDGE, RETURN, WRITE_BACK };

struct event {
    u64 time, order; // events of one time happen in the order in which they were made
    u32 line, version;
    u8 message, from, to;
};

// queue.c: the earliest event first; a node has few under way, so there is room for all
#define MOST_EVENTS (NODES * NODES * 4)
struct queue {
    struct event heap[MOST_EVENTS];
    u64 count, made;
};

void put_event(struct queue *queue, struct event event);
struct event take_event(struct queue *queue);

// cache.c
enum state { INVALID, SHARED, OWNED };
struct copy {
    u32 line, version, used;
    u8 state;
};

struct cache {
    struct copy copy[SETS][WAYS];
    u32 clock; // when a copy was last used
};

struct copy *find_copy(struct cache *cache, u64 line); // 0: there is none
struct copy *place_for(struct cache *cache, u64 line); // the line's own, a free one, or the one unused for longest

// Who asked for what a line's home works on, and what it knows of the line.
struct directory {
    u32 version; // in memory; a line's version is how often it was stored to
    u8 owner;    // of the only copy, which may be newer; or NONE
    u8 sharers;  // a bit for each node that may have a copy
    u8 asker;    // whom the home serves while it waits for others; or NONE
    u8 waits;    // answers to come; 0 with an asker: the owner's
};

struct access {
    u32 line;
    u8 store;
};

struct system {
    struct queue queue;
    struct cache cache[NODES];
    struct directory *directory; // by line
    u32 *stores;                 // by line: how often it was stored to
    struct access access[NODES]; // what a node is about
    u64 random[NODES], left[NODES], free[NODES]; // a home's controller is free again at this time
    u64 lines, now, misses, wrong;
};

struct access next_access(u64 *random, u64 node, u64 lines);

// protocol.c
void deliver(struct system *of, const struct event *event);
