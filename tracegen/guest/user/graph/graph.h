// A graph as breadth-first search walks it.
#pragma once
#include "workload.h"

#define NOWHERE (~0UL)

// A vertex: where its neighbours are listed, what the search finds, and what else a vertex has to say.
struct vertex {
    u64 first, end; // in the list of neighbours
    u64 level, parent;
    u64 set; // of connected vertices: one of them, as union-find keeps it
    u64 payload[3];
};

struct graph {
    u64 vertices, edges;
    struct vertex *vertex;
    u64 *neighbour;
};

// make.c
struct graph make_graph(u64 vertices, u64 degree);

// search.c: breadth-first from `root`; how many vertices it reaches
u64 search(const struct graph *g, u64 root, u64 *queue);

// check.c: how much is wrong with what the search found
u64 check(const struct graph *g, u64 root, u64 reached);
