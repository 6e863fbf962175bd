// graph VERTICES DEGREE SEARCHES: breadth-first searches of a graph whose degrees follow a power law.
#include "graph.h"

enum { SEARCH = 1 };
MARKS("search");

static u64 digest_of(const struct graph *g, u64 digest) {
    for (u64 v = 0; v < g->vertices; v++)
        digest = mix(digest, g->vertex[v].level);
    return digest;
}

int main(void) {
    u64 vertices = number_argument(1), degree = number_argument(2), searches = number_argument(3);
    if (vertices < 2 || degree == 0 || searches == 0)
        stop("a graph needs two vertices and an edge, and somebody to search it", STATUS_USAGE);
    struct graph g = make_graph(vertices, degree);
    u64 *queue = allocate(vertices * sizeof *queue), reached = 0, digest = DIGEST, root = 0;
    for (u64 i = 0; i < searches; i++) {
        root = i * (vertices / searches);
        REGION_BEGIN(SEARCH);
        reached = search(&g, root, queue);
        REGION_END(SEARCH);
        digest = digest_of(&g, digest);
    }
    u64 wrong = check(&g, root, reached);
    report("graph: %d vertices, %d edges, %d searches, %d reached, digest %x, %d wrong\n", vertices, g.edges, searches,
           reached, digest, wrong);
    return wrong ? EXIT_WRONG : EXIT_OK;
}
