// Counting all games of a few moves: the usual proof of a move generator.
#include "othello.h"

static long after_pass(const struct board *board, int depth) {
    struct board next;
    if (game_over(board))
        return 1;
    next = *board;
    play(&next, PASS);
    return perft(&next, depth - 1);
}

long perft(const struct board *board, int depth) {
    struct move_list list;
    struct board next;
    long games = 0;
    if (depth == 0)
        return 1;
    moves_list(board, &list);
    if (!list.count)
        return after_pass(board, depth);
    if (depth == 1)
        return list.count;
    for (int i = 0; i < list.count; i++) {
        next = *board;
        play_flips(&next, list.moves[i].square, list.moves[i].flips);
        games += perft(&next, depth - 1);
    }
    return games;
}
