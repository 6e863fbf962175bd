// Choosing a move, as a player does.
#include "othello.h"

static int choose_search(const struct player *player, const struct board *board, struct search *search) {
    int square = book_move(board);
    if (square != NO_SQUARE)
        return square;
    return search_best(search, board, player->depth);
}

// Of all moves the one after which the other one scores least.
static int choose_solved(const struct board *board, struct search *search) {
    struct move_list list;
    int best = -SQUARES - 1, square = PASS;
    moves_list(board, &list);
    for (int i = 0; i < list.count; i++) {
        struct board next;
        int score;
        next = *board;
        play_flips(&next, list.moves[i].square, list.moves[i].flips);
        score = -solve(search, &next, -SQUARES, -best);
        if (score > best) {
            best = score;
            square = list.moves[i].square;
        }
    }
    return square;
}

int choose(const struct player *player, const struct board *board, struct search *search) {
    if (must_pass(board))
        return PASS;
    if (board_empties(board) <= player->solve_at)
        return choose_solved(board, search);
    switch (player->style) {
    case STYLE_RANDOM:
        return choose_random(board);
    case STYLE_GREEDY:
        return choose_greedy(board);
    case STYLE_MOBILE:
        return choose_mobile(board);
    default:
        return choose_search(player, board, search);
    }
}
