// The four edges, as patterns of three states a square.
#include "othello.h"

#define TAKEN_EDGE 6    // both corners and all between
#define EDGE_PATTERNS 6561
#define KNOWN 1000

static const int place_worth[SIZE] = {8, -2, 2, 1, 1, 2, -2, 8};

static int known[EDGE_PATTERNS]; // worth + KNOWN; 0 while nobody asked

// A number to the base three of what lies on rank 1.
int edge_index(long own, long other) {
    int index = 0;
    for (int i = SIZE - 1; i >= 0; i--)
        index = index * 3 + (int)((own >> i) & 1) + 2 * (int)((other >> i) & 1);
    return index;
}

static int edge_worth(long own, long other) {
    int sum = 0;
    for (int i = 0; i < SIZE; i++)
        sum += place_worth[i] * ((int)((own >> i) & 1) - (int)((other >> i) & 1));
    if ((own & RANK_1) == RANK_1)
        sum += TAKEN_EDGE;
    if ((other & RANK_1) == RANK_1)
        sum -= TAKEN_EDGE;
    return sum;
}

static int pattern_worth(long own, long other) {
    int *worth = &known[edge_index(own, other)];
    if (!*worth)
        *worth = KNOWN + edge_worth(own, other);
    return *worth - KNOWN;
}

// The symmetries that bring each edge to rank 1.
static const int sides[4] = {0, 2, 4, 5};

int term_edges(const struct board *board) {
    int sum = 0;
    for (int side = 0; side < 4; side++)
        sum += pattern_worth(symmetry_of(board->own, sides[side]), symmetry_of(board->other, sides[side]));
    return sum;
}
