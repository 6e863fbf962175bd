// Filling the book from its lines.
#include "othello.h"

static int add_line(const char *text) {
    struct transcript line;
    struct board board;
    if (!transcript_parse(&line, text))
        return 0;
    board_start(&board);
    for (int ply = 0; ply < line.plies; ply++) {
        if (!flips_of(board.own, board.other, line.squares[ply]))
            return 0;
        book_add(&board, line.squares[ply]);
        play(&board, line.squares[ply]);
    }
    return 1;
}

void book_make(void) {
    int good = 0;
    for (int i = 0; i < book_line_count; i++)
        good += add_line(book_lines[i]);
    check("lines of the book", book_line_count, good);
}
