// What makes levels those of a breadth-first search, looked up edge by edge; and what is connected, by union-find.
#include "graph.h"

static u64 find(const struct graph *g, u64 v) {
    while (g->vertex[v].set != v)
        v = g->vertex[v].set = g->vertex[g->vertex[v].set].set;
    return v;
}

// No edge leads further than one level, and each vertex but the root has a parent one level above at an edge's end.
static u64 levels_wrong(const struct graph *g, u64 v) {
    const struct vertex *at = g->vertex + v;
    u64 wrong = 0, has_parent = at->level == 0 || at->level == NOWHERE;
    for (u64 i = at->first; i < at->end; i++) {
        const struct vertex *other = g->vertex + g->neighbour[i];
        wrong += other->level > at->level + 1 && at->level != NOWHERE;
        has_parent |= g->neighbour[i] == at->parent && other->level + 1 == at->level;
    }
    return wrong + !has_parent;
}

u64 check(const struct graph *g, u64 root, u64 reached) {
    u64 wrong = g->vertex[root].level != 0, connected = 0;
    for (u64 v = 0; v < g->vertices; v++) {
        wrong += levels_wrong(g, v);
        for (u64 i = g->vertex[v].first; i < g->vertex[v].end; i++)
            g->vertex[find(g, v)].set = find(g, g->neighbour[i]);
    }
    for (u64 v = 0; v < g->vertices; v++) {
        int joined = find(g, v) == find(g, root);
        wrong += joined != (g->vertex[v].level != NOWHERE) || (g->vertex[v].level == 0) != (v == root);
        connected += joined;
    }
    return wrong + (connected != reached);
}
