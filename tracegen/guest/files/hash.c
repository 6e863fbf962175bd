// The transposition table: two places for each key, of which the one searched deeper lately is kept.
#include "othello.h"

struct hash_entry hash_table[HASH_ENTRIES];
struct hash_counts hash_counts;

static int age;

static struct hash_entry *pair_of(long key) {
    return &hash_table[key & (HASH_ENTRIES - 2)];
}

void hash_new_search(void) {
    age++;
}

struct hash_entry *hash_probe(long key) {
    struct hash_entry *entry = pair_of(key);
    hash_counts.probes++;
    for (int i = 0; i < 2; i++, entry++)
        if (entry->bound != BOUND_NONE && entry->key == key) {
            hash_counts.hits++;
            entry->age = age;
            return entry;
        }
    return 0;
}

static int worth(const struct hash_entry *entry) {
    if (entry->bound == BOUND_NONE)
        return -1;
    return entry->depth + (entry->age == age ? MAX_DEPTH : 0);
}

void hash_store(long key, int score, int depth, int bound, int square) {
    struct hash_entry *entry = pair_of(key);
    if (entry->key != key && (entry[1].key == key || worth(entry + 1) < worth(entry)))
        entry++;
    hash_counts.stores++;
    if (entry->bound != BOUND_NONE && entry->key != key)
        hash_counts.replaced++;
    entry->key = key;
    entry->score = score;
    entry->depth = depth;
    entry->bound = bound;
    entry->square = square;
    entry->age = age;
}
