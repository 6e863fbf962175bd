// Playing a game again.
#include "othello.h"

static int legal(const struct board *board, int square) {
    if (square == PASS)
        return must_pass(board) && !game_over(board);
    return flips_of(board->own, board->other, square) != 0;
}

int transcript_replay(const struct transcript *game, struct board *end) {
    int ply;
    board_start(end);
    for (ply = 0; ply < game->plies; ply++) {
        if (!legal(end, game->squares[ply]))
            break;
        play(end, game->squares[ply]);
    }
    return ply;
}
