// Tests of moves: the set of them against one square after the other.
#include "othello.h"

static long moves_one_by_one(const struct board *board) {
    long found = 0;
    for (int square = 0; square < SQUARES; square++)
        if (flips_of(board->own, board->other, square))
            found |= bit_at(square);
    return found;
}

static void check_play(const struct board *board) {
    struct move_list list;
    moves_list(board, &list);
    check("as many", bit_count(moves_of(board->own, board->other)), list.count);
    for (int i = 0; i < list.count; i++) {
        struct board next;
        next = *board;
        play(&next, list.moves[i].square);
        check("one disc more", board_empties(board) - 1, board_empties(&next));
        check("valid", 1, board_valid(&next));
        check("turned", !board->colour, next.colour);
    }
}

void check_moves(void) {
    struct board board;
    check_begin("moves");
    for (int i = 1; i < CHECKED_POSITIONS; i += 2) {
        check_position(&board, i);
        check("moves", moves_one_by_one(&board), moves_of(board.own, board.other));
        check_play(&board);
    }
    check_end();
}
