// Tests of the book.
#include "othello.h"

static void check_first(void) {
    struct board board, turned;
    board_start(&board);
    check("a first move", 1, book_move(&board) != NO_SQUARE);
    play(&board, square_parse("f5"));
    for (int which = 0; which < SYMMETRIES; which += 7) {
        int square;
        board_symmetry(&turned, &board, which);
        square = book_move(&turned);
        check("a legal reply", 1, square != NO_SQUARE && flips_of(turned.own, turned.other, square) != 0);
    }
}

static void check_unknown(void) {
    struct board board;
    check_position(&board, 2);
    check("no move", NO_SQUARE, book_move(&board));
}

void check_book(void) {
    check_begin("book");
    check_first();
    check_unknown();
    check("size", 1, book_size() > 40 && book_size() < BOOK_ENTRIES);
    check_end();
}
