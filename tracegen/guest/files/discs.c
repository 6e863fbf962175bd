// Counting discs, which matters late.
#include "othello.h"

int term_discs(const struct board *board) {
    int own = bit_count(board->own), other = bit_count(board->other);
    if (own == 0)
        return -SQUARES;
    if (other == 0)
        return SQUARES;
    return own - other;
}

// At a game's end the empty squares go to the winner.
int final_score(const struct board *board) {
    int difference = board_difference(board), empties = board_empties(board);
    if (difference > 0)
        return difference + empties;
    return difference < 0 ? difference - empties : 0;
}
