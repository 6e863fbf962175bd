// Numbers found by other numbers: chains of entries that lie in the order in which they were made.
#include "database.h"

struct hash make_hash(u64 room) {
    u64 chains = room + room / 2 + 1;
    return (struct hash){allocate(chains * sizeof(u32)), allocate(room * sizeof(struct entry)), chains, 0, room};
}

void empty(struct hash *hash) {
    memset(hash->chain, 0, hash->chains * sizeof *hash->chain);
    hash->used = 0;
}

static u32 *chain_of(const struct hash *hash, u64 key) {
    return &hash->chain[(key * 0x9e3779b97f4a7c15 >> 32) * hash->chains >> 32];
}

u64 *find(const struct hash *hash, u64 key) {
    for (u32 link = *chain_of(hash, key); link; link = hash->entry[link - 1].next)
        if (hash->entry[link - 1].key == key)
            return &hash->entry[link - 1].value;
    return 0;
}

u64 *enter(struct hash *hash, u64 key) {
    u64 *found = find(hash, key);
    if (found)
        return found;
    if (hash->used == hash->room)
        stop("a hash table is full", EXIT_WRONG);
    u32 *chain = chain_of(hash, key);
    struct entry *entry = &hash->entry[hash->used++];
    entry->key = key;
    entry->value = 0;
    entry->next = *chain;
    *chain = (u32)hash->used;
    return &entry->value;
}
