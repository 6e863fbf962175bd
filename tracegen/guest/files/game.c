// A game between two players, which may be broken off.
#include "othello.h"

void game_play(const struct player *black, const struct player *white, int plies, struct transcript *game,
               struct game_result *result) {
    struct board board;
    struct search search;
    board_start(&board);
    game->plies = 0;
    result->nodes = 0;
    while (game->plies < plies && !game_over(&board)) {
        int square;
        search.nodes = 0;
        square = choose(board.colour == BLACK ? black : white, &board, &search);
        result->nodes += search.nodes;
        transcript_add(game, square);
        play(&board, square);
    }
    result->black = board_discs(&board, BLACK);
    result->white = board_discs(&board, WHITE);
    result->plies = game->plies;
}
