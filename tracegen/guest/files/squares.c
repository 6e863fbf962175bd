// A weight for each square, as old as the game's programs.
#include "othello.h"

static const int weights[SQUARES] = {
    20, -3, 11, 8, 8, 11, -3, 20,
    -3, -7, -4, 1, 1, -4, -7, -3,
    11, -4, 2, 2, 2, 2, -4, 11,
    8, 1, 2, -3, -3, 2, 1, 8,
    8, 1, 2, -3, -3, 2, 1, 8,
    11, -4, 2, 2, 2, 2, -4, 11,
    -3, -7, -4, 1, 1, -4, -7, -3,
    20, -3, 11, 8, 8, 11, -3, 20,
};

static int sum_of(long discs) {
    int sum = 0;
    for (; discs; discs = bit_without_lowest(discs))
        sum += weights[bit_lowest(discs)];
    return sum;
}

int term_squares(const struct board *board) {
    return sum_of(board->own) - sum_of(board->other);
}
