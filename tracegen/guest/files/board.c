// Positions.
#include "othello.h"

void board_start(struct board *board) {
    board->own = bit_at(28) | bit_at(35);    // e4 and d5 are black
    board->other = bit_at(27) | bit_at(36);
    board->colour = BLACK;
    board->passed = 0;
}

void board_copy(struct board *to, const struct board *from) {
    *to = *from;
}

int board_equal(const struct board *a, const struct board *b) {
    return a->own == b->own && a->other == b->other && a->colour == b->colour;
}

long board_empty(const struct board *board) {
    return ~(board->own | board->other);
}

int board_empties(const struct board *board) {
    return bit_count(board_empty(board));
}

int board_discs(const struct board *board, int colour) {
    return bit_count(colour == board->colour ? board->own : board->other);
}

int board_difference(const struct board *board) {
    return bit_count(board->own) - bit_count(board->other);
}

int board_valid(const struct board *board) {
    return !(board->own & board->other) && (board->colour == BLACK || board->colour == WHITE);
}
