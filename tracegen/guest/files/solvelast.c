// The last empty square needs no search.
#include "othello.h"

// One disc comes, and those it turns over count twice.
int solve_last(const struct board *board) {
    int square = bit_lowest(board_empty(board)), difference = board_difference(board);
    long flips = flips_of(board->own, board->other, square);
    if (flips)
        return difference + 2 * bit_count(flips) + 1;
    flips = flips_of(board->other, board->own, square);
    if (flips)
        return difference - 2 * bit_count(flips) - 1;
    return final_score(board);
}
