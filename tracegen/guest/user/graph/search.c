// Breadth-first search.
#include "graph.h"

u64 search(const struct graph *g, u64 root, u64 *queue) {
    u64 head = 0, tail = 0;
    for (u64 v = 0; v < g->vertices; v++)
        g->vertex[v].level = NOWHERE;
    g->vertex[root].level = 0;
    g->vertex[root].parent = root;
    for (queue[tail++] = root; head < tail; head++) {
        u64 from = queue[head];
        const struct vertex *at = g->vertex + from;
        for (u64 i = at->first; i < at->end; i++) {
            struct vertex *next = g->vertex + g->neighbour[i];
            if (next->level == NOWHERE) {
                next->level = at->level + 1;
                next->parent = from;
                queue[tail++] = g->neighbour[i];
            }
        }
    }
    return tail;
}
