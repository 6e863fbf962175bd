// A simulation of a machine's memory system: nodes with caches, home memories with directories, messages between them.
//
// Each node's accesses are by chance.  Every load has to see the last store, wherever that was made, and at the end each
// line has the version that the accesses, made up once more, say.
#include "memory.h"

// Two thirds go to the node's own lines, mostly few of them; the rest to lines that all share.
struct access next_access(u64 *random, u64 node, u64 lines) {
    u64 part = lines / (2 * NODES), kind = below(random, 6), line;
    if (kind < 3)
        line = node * part + below(random, part / 16);
    else if (kind == 3)
        line = node * part + below(random, part);
    else
        line = lines / 2 + below(random, lines / 2 >> below(random, 8));
    return (struct access){(u32)line, below(random, 4) == 0};
}

static struct system *make_system(u64 lines, u64 accesses, u64 seed) {
    struct system *of = allocate(sizeof *of);
    of->lines = lines;
    of->directory = allocate(lines * sizeof *of->directory);
    of->stores = allocate(lines * sizeof *of->stores);
    for (u64 line = 0; line < lines; line++)
        of->directory[line].owner = of->directory[line].asker = NONE;
    for (u64 node = 0; node < NODES; node++) {
        of->random[node] = seeded(seed * NODES + node);
        of->left[node] = accesses / NODES - 1;
        of->access[node] = next_access(&of->random[node], node, lines);
        struct event event = {node, 0, 0, 0, ISSUE, (u8)node, (u8)node};
        put_event(&of->queue, event);
    }
    return of;
}

// The version of a line now: its owner's, or memory's.
static u32 version_of(struct system *of, u64 line) {
    struct directory *known = &of->directory[line];
    struct copy *copy = known->owner == NONE ? 0 : find_copy(&of->cache[known->owner], line);
    of->wrong += known->asker != NONE || (known->owner != NONE && (!copy || copy->state != OWNED));
    return copy ? copy->version : known->version;
}

// A copy must be its owner's, or the same as memory's and known to the home.
static void check_copies(struct system *of) {
    for (u64 node = 0; node < NODES; node++)
        for (u64 i = 0; i < SETS * WAYS; i++) {
            const struct copy *copy = &of->cache[node].copy[i / WAYS][i % WAYS];
            const struct directory *known = &of->directory[copy->line];
            if (copy->state == OWNED)
                of->wrong += known->owner != node;
            else if (copy->state == SHARED)
                of->wrong += known->owner != NONE || copy->version != known->version || !(known->sharers >> node & 1);
        }
}

static void count_again(struct system *of, u64 accesses, u64 seed) {
    memset(of->stores, 0, of->lines * sizeof *of->stores);
    for (u64 node = 0; node < NODES; node++) {
        u64 random = seeded(seed * NODES + node);
        for (u64 i = 0; i < accesses / NODES; i++) {
            struct access access = next_access(&random, node, of->lines);
            of->stores[access.line] += access.store;
        }
    }
}

void simulate_memory(u64 lines, u64 accesses, u64 seed, struct outcome *outcome) {
    struct system *of = make_system(lines, accesses, seed);
    REGION_BEGIN(MEMORY);
    while (of->queue.count) {
        struct event event = take_event(&of->queue);
        deliver(of, &event);
    }
    REGION_END(MEMORY);
    count_again(of, accesses, seed);
    check_copies(of);
    outcome->digest = DIGEST;
    for (u64 line = 0; line < lines; line++) {
        u32 version = version_of(of, line);
        of->wrong += version != of->stores[line];
        outcome->digest = mix(outcome->digest, version);
    }
    outcome->work = of->misses;
    outcome->wrong = of->wrong;
}
