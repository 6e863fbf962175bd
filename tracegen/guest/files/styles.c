// Players that do not look ahead.
#include "othello.h"

int choose_random(const struct board *board) {
    long left = moves_of(board->own, board->other);
    int which = random_below(bit_count(left));
    while (which-- > 0)
        left = bit_without_lowest(left);
    return bit_lowest(left);
}

// The most discs at once.
int choose_greedy(const struct board *board) {
    struct move_list list;
    int best = 0;
    moves_list(board, &list);
    for (int i = 1; i < list.count; i++)
        if (bit_count(list.moves[i].flips) > bit_count(list.moves[best].flips))
            best = i;
    return list.moves[best].square;
}

// The fewest replies.
int choose_mobile(const struct board *board) {
    struct move_list list;
    moves_list(board, &list);
    for (int i = 0; i < list.count; i++) {
        struct board next;
        next = *board;
        play_flips(&next, list.moves[i].square, list.moves[i].flips);
        list.moves[i].score = -bit_count(moves_of(next.own, next.other));
    }
    moves_sort(&list);
    return list.moves[0].square;
}
