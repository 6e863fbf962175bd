// Playing a move: the discs change hands, and so does the board.
#include "othello.h"

static void turn(struct board *board) {
    long own = board->own;
    board->own = board->other;
    board->other = own;
    board->colour = !board->colour;
}

void play_flips(struct board *board, int square, long flips) {
    board->own |= flips | bit_at(square);
    board->other &= ~flips;
    board->passed = 0;
    turn(board);
}

void play(struct board *board, int square) {
    if (square == PASS) {
        turn(board);
        board->passed = 1;
        return;
    }
    play_flips(board, square, flips_of(board->own, board->other, square));
}
