// kv ITEMS REQUESTS SETS: a cache of values with room for so many items, asked for twice as many keys.
//
// Of 100 requests SETS set a value; the others get one, and set it where it is not there, as users of a cache do.  A
// value says which key it belongs to and how often that was set.
#include "kv.h"

enum { FILL = 1, REQUESTS };
MARKS("fill", "requests");

#define LEAST_WORDS 8

static struct cache cache;
static u32 *sets; // by key
static u64 answer[MOST_WORDS];

static struct {
    u64 gets, hits, wrong, digest;
} tally = {.digest = DIGEST};

static u64 words_of(u64 key) {
    return LEAST_WORDS + (key * 0x9e3779b97f4a7c15 >> 40) % (MOST_WORDS - LEAST_WORDS + 1);
}

static u64 word_of(u64 key, u64 place) {
    return (key << 32 | sets[key]) + place;
}

static void set(u64 key) {
    sets[key]++;
    struct item *item = cache_set(&cache, key, words_of(key));
    for (u64 i = 0; i < item->words; i++)
        item->value[i] = word_of(key, i);
}

// The answer is a copy, as one that is sent is.
static void get(u64 key) {
    const struct item *item = cache_get(&cache, key);
    tally.gets++;
    if (!item) {
        set(key);
        return;
    }
    tally.hits++;
    memcpy(answer, item->value, item->words * sizeof *answer);
    u64 last = item->words - 1;
    tally.wrong += item->words != words_of(key) || answer[0] != word_of(key, 0) || answer[last] != word_of(key, last);
    tally.digest = mix(tally.digest, answer[last]);
}

int main(void) {
    u64 items = number_argument(1), requests = number_argument(2), percent = number_argument(3), state = seeded(items);
    if (items == 0 || percent > 100)
        stop("a cache holds an item, and no more than 100 of 100 requests set one", STATUS_USAGE);
    u64 keys = 2 * items;
    cache_make(&cache, items);
    sets = allocate(keys * sizeof *sets);
    zipf_make(keys);
    REGION_BEGIN(FILL);
    for (u64 key = items; key > 0; key--)
        set(key - 1);
    REGION_END(FILL);
    REGION_BEGIN(REQUESTS);
    for (u64 i = 0; i < requests; i++) {
        u64 key = zipf(&state);
        if (below(&state, 100) < percent)
            set(key);
        else
            get(key);
    }
    REGION_END(REQUESTS);
    tally.wrong += cache_wrong(&cache);
    report("kv: %d items, %d requests, %d gets, %d hits, digest %x, %d wrong\n", items, requests, tally.gets, tally.hits,
           tally.digest, tally.wrong);
    return tally.wrong ? EXIT_WRONG : EXIT_OK;
}
