// Moves as a list, in the order of their squares.
#include "othello.h"

void moves_list(const struct board *board, struct move_list *list) {
    long left = moves_of(board->own, board->other);
    list->count = 0;
    for (; left; left = bit_without_lowest(left)) {
        struct move *move = &list->moves[list->count++];
        move->square = bit_lowest(left);
        move->flips = flips_of(board->own, board->other, move->square);
        move->score = 0;
    }
}

// By score, the highest first; equal ones keep their order.
void moves_sort(struct move_list *list) {
    for (int i = 1; i < list->count; i++) {
        struct move move;
        int place = i;
        move = list->moves[i];
        for (; place > 0 && list->moves[place - 1].score < move.score; place--)
            list->moves[place] = list->moves[place - 1];
        list->moves[place] = move;
    }
}
