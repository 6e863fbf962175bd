// Positions as text, and back.
#include "othello.h"

static void put_square(const struct board *board, int square, long moves) {
    long bit = bit_at(square);
    if (board->own & bit)
        putchar(board->colour == BLACK ? 'X' : 'O');
    else if (board->other & bit)
        putchar(board->colour == BLACK ? 'O' : 'X');
    else
        putchar(moves & bit ? '.' : '-');
}

void board_show(const struct board *board) {
    long moves = moves_of(board->own, board->other);
    put_line("  a b c d e f g h");
    for (int rank = 0; rank < SIZE; rank++) {
        putchar('1' + rank);
        for (int file = 0; file < SIZE; file++) {
            putchar(' ');
            put_square(board, rank * SIZE + file, moves);
        }
        putchar('\n');
    }
    put_text(board->colour == BLACK ? "X" : "O");
    put_line(" to move");
}

int board_parse(struct board *board, const char *text) {
    long discs[2] = {0, 0};
    for (int square = 0; square < SQUARES; square++, text++) {
        if (*text == 'X')
            discs[BLACK] |= bit_at(square);
        else if (*text == 'O')
            discs[WHITE] |= bit_at(square);
        else if (*text != '-')
            return 0;
    }
    if (*text != 'X' && *text != 'O')
        return 0;
    board->colour = *text == 'X' ? BLACK : WHITE;
    board->own = discs[board->colour];
    board->other = discs[!board->colour];
    board->passed = 0;
    return board_valid(board);
}
