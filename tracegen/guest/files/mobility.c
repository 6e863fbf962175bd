// Mobility: having more moves than the other, corners counted twice.
#include "othello.h"

#define SCALE 20

static int weighted(long moves) {
    return bit_count(moves) + bit_count(moves & CORNERS);
}

// The difference in proportion to the sum, so that one move of three counts more than one of twenty.
int term_mobility(const struct board *board) {
    int own = weighted(moves_of(board->own, board->other));
    int other = weighted(moves_of(board->other, board->own));
    if (own + other == 0)
        return 0;
    return SCALE * (own - other) / (own + other);
}
