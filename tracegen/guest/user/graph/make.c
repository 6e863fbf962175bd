// A graph by preferential attachment (Barabasi and Albert, Science 286, 1999): a new vertex is joined to ends of edges
// chosen at random, so that the more edges a vertex has the more it gets, and degrees follow a power law.
#include "graph.h"

// Edge i goes from ends[2 * i], the newer vertex, to ends[2 * i + 1].
static void attach(u64 *ends, u64 vertices, u64 degree) {
    u64 state = seeded(vertices), used = 0;
    for (u64 v = 1; v < vertices; v++)
        for (u64 k = 0, before = used; k < degree; k++, used += 2) {
            ends[used] = v;
            ends[used + 1] = before ? ends[below(&state, before)] : 0;
        }
}

// Lists the neighbours of each vertex, one vertex after the other; `end` of each runs ahead while its list fills.
static void list(struct graph *g, const u64 *ends) {
    for (u64 i = 0; i < 2 * g->edges; i++)
        g->vertex[ends[i]].end++;
    for (u64 v = 0, used = 0; v < g->vertices; v++) {
        u64 count = g->vertex[v].end;
        g->vertex[v] = (struct vertex){.first = used, .end = used, .level = NOWHERE, .set = v};
        used += count;
    }
    for (u64 i = 0; i < 2 * g->edges; i++)
        g->neighbour[g->vertex[ends[i]].end++] = ends[i ^ 1];
}

struct graph make_graph(u64 vertices, u64 degree) {
    struct graph g = {.vertices = vertices, .edges = (vertices - 1) * degree};
    u64 *ends = allocate(2 * g.edges * sizeof *ends);
    attach(ends, vertices, degree);
    g.vertex = allocate(vertices * sizeof *g.vertex);
    g.neighbour = allocate(2 * g.edges * sizeof *g.neighbour);
    list(&g, ends);
    return g;
}
