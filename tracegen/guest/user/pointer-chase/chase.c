// pointer-chase PAGES STEPS: follows a chain through every page in random order, each step to where the last one points.
//
// One cycle through all pages, made by Sattolo's shuffle (Information Processing Letters 22, 1986); the node of a page
// lies in a line of its own, so that no two pages compete for one set of a cache.
#include "workload.h"

#define LINE 64
#define LINES (PAGE_BYTES / LINE)

struct node {
    struct node *next;
    u64 index;
};

static u8 *memory;

static struct node *node_at(u64 page) {
    return (struct node *)(memory + page * PAGE_BYTES + page % LINES * LINE);
}

static void make_cycle(u64 pages) {
    u64 state = seeded(pages);
    for (u64 i = 0; i < pages; i++)
        *node_at(i) = (struct node){node_at(i), i};
    for (u64 i = pages - 1; i > 0; i--) {
        struct node *a = node_at(i), *b = node_at(below(&state, i)), *next = a->next;
        a->next = b->next;
        b->next = next;
    }
}

static const struct node *follow(const struct node *at, u64 steps) {
    while (steps--)
        at = at->next;
    return at;
}

// Whether the chain comes back to its start after all pages, and not before.
static int is_whole(u64 pages) {
    const struct node *start = node_at(0), *at = start;
    u64 met = 0;
    do {
        at = at->next;
        met++;
    } while (at != start && met <= pages);
    return met == pages;
}

int main(void) {
    u64 pages = number_argument(1), steps = number_argument(2);
    if (pages == 0)
        stop("the chain needs a page", STATUS_USAGE);
    memory = allocate(pages * PAGE_BYTES);
    make_cycle(pages);
    MARK_BEGIN();
    const struct node *end = follow(node_at(0), steps);
    MARK_END();
    int right = is_whole(pages) && end == follow(node_at(0), steps % pages);
    report("pointer-chase: %d pages, %d steps, ends at %d%s\n", pages, steps, end->index, right ? "" : ", WRONG");
    return right ? EXIT_OK : EXIT_WRONG;
}
