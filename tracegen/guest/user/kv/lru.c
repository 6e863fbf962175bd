// The cache: who has not been asked for longest makes room.
#include "kv.h"

static struct item **bucket_of(struct cache *c, u64 key) {
    return c->buckets + ((key * 0x9e3779b97f4a7c15 >> 32) & c->bucket_mask);
}

void cache_make(struct cache *c, u64 room) {
    u64 buckets = 1;
    while (buckets < room)
        buckets *= 2;
    c->bucket_mask = buckets - 1;
    c->room = room;
    c->items = 0;
    c->buckets = allocate(buckets * sizeof *c->buckets);
    c->slots = allocate(room * SLOT_BYTES);
    c->uses.newer = c->uses.older = &c->uses;
}

static void take_out(struct item *item) {
    item->newer->older = item->older;
    item->older->newer = item->newer;
}

static void put_newest(struct cache *c, struct item *item) {
    item->older = c->uses.older;
    item->newer = &c->uses;
    item->older->newer = c->uses.older = item;
}

struct item *cache_get(struct cache *c, u64 key) {
    for (struct item *item = *bucket_of(c, key); item; item = item->chain)
        if (item->key == key) {
            take_out(item);
            put_newest(c, item);
            return item;
        }
    return 0;
}

// A slot for one more item: a fresh one, or that of the item used longest ago.
static struct item *make_room(struct cache *c) {
    if (c->items < c->room)
        return (struct item *)(c->slots + c->items++ * SLOT_BYTES);
    struct item *oldest = c->uses.newer, **link = bucket_of(c, oldest->key);
    while (*link != oldest)
        link = &(*link)->chain;
    *link = oldest->chain;
    take_out(oldest);
    return oldest;
}

struct item *cache_set(struct cache *c, u64 key, u64 words) {
    struct item *item = cache_get(c, key);
    if (!item) {
        item = make_room(c);
        struct item **bucket = bucket_of(c, key);
        item->key = key;
        item->chain = *bucket;
        *bucket = item;
        put_newest(c, item);
    }
    item->words = words;
    return item;
}

u64 cache_wrong(const struct cache *c) {
    u64 listed = 0, chained = 0, wrong = 0;
    for (const struct item *item = c->uses.newer; item != &c->uses && listed <= c->items; item = item->newer, listed++)
        wrong += item->newer->older != item;
    for (u64 b = 0; b <= c->bucket_mask; b++)
        for (const struct item *item = c->buckets[b]; item && chained <= c->items; item = item->chain, chained++)
            wrong += bucket_of((struct cache *)c, item->key) != c->buckets + b;
    return wrong + (listed != c->items) + (chained != c->items);
}
