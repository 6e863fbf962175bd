// Emptying the transposition table, and how full it is.
#include "othello.h"

void hash_clear(void) {
    for (int i = 0; i < HASH_ENTRIES; i++) {
        struct hash_entry *entry = &hash_table[i];
        entry->key = 0;
        entry->bound = BOUND_NONE;
        entry->depth = entry->score = entry->age = 0;
        entry->square = NO_SQUARE;
    }
    hash_counts.probes = hash_counts.hits = 0;
    hash_counts.stores = hash_counts.replaced = 0;
}

int hash_used(void) {
    int used = 0;
    for (int i = 0; i < HASH_ENTRIES; i++)
        used += hash_table[i].bound != BOUND_NONE;
    return used * 1000 / HASH_ENTRIES;
}
