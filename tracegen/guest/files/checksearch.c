// Tests of the search against the plainest one there is.
#include "othello.h"

static int plain(const struct board *board, int depth) {
    struct move_list list;
    struct board next;
    int best = -INFINITY;
    if (depth == 0)
        return evaluate(board);
    moves_list(board, &list);
    if (!list.count) {
        if (game_over(board))
            return DISC * final_score(board);
        next = *board;
        play(&next, PASS);
        return -plain(&next, depth);
    }
    for (int i = 0; i < list.count; i++) {
        int score;
        next = *board;
        play_flips(&next, list.moves[i].square, list.moves[i].flips);
        score = -plain(&next, depth - 1);
        if (score > best)
            best = score;
    }
    return best;
}

void check_search(void) {
    struct board board;
    struct search search;
    check_begin("search");
    check_position(&board, 0);
    hash_clear();
    search_best(&search, &board, 2);
    check("score", plain(&board, 2), search.score);
    check_end();
}
