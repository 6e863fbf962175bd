// Tests of symmetries.
#include "othello.h"

static void check_one(const struct board *board, int which) {
    struct board turned, least, least_of_turned;
    board_symmetry(&turned, board, which);
    check("discs", bit_count(board->own), bit_count(turned.own));
    check("moves", symmetry_of(moves_of(board->own, board->other), which), moves_of(turned.own, turned.other));
    canonical(&least, board);
    canonical(&least_of_turned, &turned);
    check("canonical", 1, board_equal(&least, &least_of_turned));
}

static void check_squares(int which) {
    for (int square = 0; square < SQUARES; square += 21)
        check("square", bit_at(symmetry_square(square, which)), symmetry_of(bit_at(square), which));
}

void check_symmetry(void) {
    struct board board;
    check_begin("symmetry");
    check_position(&board, 1);
    for (int which = 0; which < SYMMETRIES; which += 5) {
        check_one(&board, which);
        check_squares(which);
    }
    check("twice", board.own, mirror_diagonal(mirror_diagonal(board.own)));
    check_end();
}
