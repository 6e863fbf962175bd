// The endgame played out: every game to its end, to the exact number of discs.
#include "othello.h"

static int solve_pass(struct search *search, const struct board *board, int alpha, int beta) {
    struct board next;
    if (game_over(board))
        return final_score(board);
    next = *board;
    play(&next, PASS);
    return -solve(search, &next, -beta, -alpha);
}

int solve(struct search *search, const struct board *board, int alpha, int beta) {
    struct board next;
    long left = board_empty(board);
    int best = -SQUARES - 1;
    search->nodes++;
    if (left && !bit_without_lowest(left))
        return solve_last(board);
    left = moves_of(board->own, board->other);
    if (!left)
        return solve_pass(search, board, alpha, beta);
    for (; left && best < beta; left = bit_without_lowest(left)) {
        int score;
        next = *board;
        play(&next, bit_lowest(left));
        score = -solve(search, &next, -beta, -alpha);
        if (score > best)
            best = score;
        if (best > alpha)
            alpha = best;
    }
    return best;
}
