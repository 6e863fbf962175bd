// The frontier: discs beside empty squares, which give the other one moves later.
#include "othello.h"

static int frontier(long discs, long empty) {
    return bit_count(discs & bit_neighbours(empty));
}

static int potential(long others, long empty) {
    return bit_count(empty & bit_neighbours(others));
}

int term_frontier(const struct board *board) {
    long empty = board_empty(board);
    int discs = frontier(board->other, empty) - frontier(board->own, empty);
    int squares = potential(board->other, empty) - potential(board->own, empty);
    return discs + squares / 2;
}
