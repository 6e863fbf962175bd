// Wedges: a single empty square on an edge between two discs of the other can be played for good.
#include "othello.h"

static long between(long discs, long empty, int direction) {
    int back = (direction + DIRECTIONS / 2) % DIRECTIONS;
    return empty & bit_shift(discs, direction) & bit_shift(discs, back);
}

static int wedges(long own, long other) {
    long empty = ~(own | other);
    long along_ranks = between(other, empty, EAST) & (RANK_1 | RANK_8);
    long along_files = between(other, empty, SOUTH) & (FILE_A | FILE_H);
    return bit_count((along_ranks | along_files) & ~CORNERS);
}

int term_wedges(const struct board *board) {
    return wedges(board->own, board->other) - wedges(board->other, board->own);
}
