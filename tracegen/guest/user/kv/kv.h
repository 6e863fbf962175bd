// A cache of values by key, in the manner of memcached: a hash table of chains, and a list by last use.
#pragma once
#include "workload.h"

struct item {
    struct item *chain;         // the next one in its bucket
    struct item *newer, *older; // by last use; those of the cache's `uses` are the oldest and the newest one
    u64 key, words;
    u64 value[]; // up to SLOT_BYTES in all
};

#define SLOT_BYTES 1024
#define MOST_WORDS ((SLOT_BYTES - sizeof(struct item)) / sizeof(u64))

struct cache {
    struct item **buckets;
    u64 bucket_mask;
    u8 *slots;
    u64 items, room;
    struct item uses;
};

// lru.c
void cache_make(struct cache *c, u64 room);
struct item *cache_get(struct cache *c, u64 key);
struct item *cache_set(struct cache *c, u64 key, u64 words); // its value is still the slot's last one's
u64 cache_wrong(const struct cache *c);                      // how much is wrong with chains and list

// zipf.c: keys 0 to keys - 1, the k-th with a weight of 1 / (k + 1)
void zipf_make(u64 keys);
u64 zipf(u64 *state);
