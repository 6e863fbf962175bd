// History: how often a move cut a search off, wherever it was.
#include "othello.h"

#define MOST 4000

static int history[2][SQUARES];

void history_clear(void) {
    for (int square = 0; square < SQUARES; square++)
        history[BLACK][square] = history[WHITE][square] = 0;
}

static void halve(void) {
    for (int square = 0; square < SQUARES; square++) {
        history[BLACK][square] /= 2;
        history[WHITE][square] /= 2;
    }
}

void history_add(int colour, int square, int depth) {
    int *rank = &history[colour][square];
    *rank += depth * depth;
    if (*rank > MOST)
        halve();
}

int history_rank(int colour, int square) {
    return history[colour][square];
}
