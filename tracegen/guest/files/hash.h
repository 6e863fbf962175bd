// Keys of positions, and the table of those that were searched.
#ifndef HASH_H
#define HASH_H

#define HASH_BITS 5
#define HASH_ENTRIES (1 << HASH_BITS)

enum bound { BOUND_NONE, BOUND_LOWER, BOUND_UPPER, BOUND_EXACT };

struct hash_entry {
    long key;
    int score;
    int depth;
    int bound;
    int square;  // the best move
    int age;
};

struct hash_counts {
    int probes, hits, stores, replaced;
};

extern struct hash_counts hash_counts;
extern struct hash_entry hash_table[HASH_ENTRIES];

void keys_make(void);
long key_of(const struct board *board);
void hash_clear(void);
void hash_new_search(void);
struct hash_entry *hash_probe(long key);
void hash_store(long key, int score, int depth, int bound, int square);
int hash_used(void);   // entries, of a thousand
#endif
