// The worth of stable discs.
#include "othello.h"

#define STABLE_DISC 3
#define STABLE_EDGE 1   // more, on an edge

static int worth(long stable) {
    return STABLE_DISC * bit_count(stable) + STABLE_EDGE * bit_count(stable & EDGES);
}

int term_stability(const struct board *board) {
    return worth(stable_discs(board->own, board->other)) - worth(stable_discs(board->other, board->own));
}
