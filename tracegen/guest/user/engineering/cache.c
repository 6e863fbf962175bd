// A node's cache: WAYS copies in a set, the one unused for longest is replaced.
#include "memory.h"

struct copy *find_copy(struct cache *cache, u64 line) {
    struct copy *set = cache->copy[line % SETS];
    for (u64 way = 0; way < WAYS; way++)
        if (set[way].state != INVALID && set[way].line == line) {
            set[way].used = ++cache->clock;
            return &set[way];
        }
    return 0;
}

struct copy *place_for(struct cache *cache, u64 line) {
    struct copy *set = cache->copy[line % SETS], *place = find_copy(cache, line);
    for (u64 way = 0; way < WAYS && !place; way++)
        if (set[way].state == INVALID)
            place = &set[way];
    if (place)
        return place;
    place = set;
    for (u64 way = 1; way < WAYS; way++)
        if (set[way].used < place->used)
            place = &set[way];
    return place;
}
