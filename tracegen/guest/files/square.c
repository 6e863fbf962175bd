// Squares as text: a file from a to h, a rank from 1 to 8.
#include "othello.h"

void square_text(int square, char *to) {
    if (square == PASS) {
        text_copy(to, "--");
        return;
    }
    to[0] = (char)('a' + square % SIZE);
    to[1] = (char)('1' + square / SIZE);
    to[2] = 0;
}

int square_parse(const char *text) {
    int file, rank;
    if (text[0] == '-' && text[1] == '-')
        return PASS;
    if (text[0] < 'a' || text[0] > 'h' || text[1] < '1' || text[1] > '8')
        return NO_SQUARE;
    file = text[0] - 'a';
    rank = text[1] - '1';
    return rank * SIZE + file;
}
