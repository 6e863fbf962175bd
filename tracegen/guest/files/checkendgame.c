// Tests of the endgame: exact scores, whatever the window.
#include "othello.h"

static int played_out(const struct board *board) {
    struct board next;
    int best = -SQUARES - 1;
    long left = moves_of(board->own, board->other);
    next = *board;
    if (!left) {
        if (game_over(board))
            return final_score(board);
        play(&next, PASS);
        return -played_out(&next);
    }
    for (; left; left = bit_without_lowest(left)) {
        int score;
        next = *board;
        play(&next, bit_lowest(left));
        score = -played_out(&next);
        best = score > best ? score : best;
    }
    return best;
}

void check_endgame(void) {
    struct board board;
    struct search search;
    check_begin("endgame");
    check_position(&board, 3);
    search.nodes = 0;
    check("last square", played_out(&board), solve(&search, &board, -SQUARES, SQUARES));
    check_position(&board, 2);
    while (board_empties(&board) > 4 && !game_over(&board))
        play(&board, must_pass(&board) ? PASS : choose_mobile(&board));
    check("some squares", played_out(&board), solve(&search, &board, -SQUARES, SQUARES));
    check_end();
}
