// Keys of positions: a pseudo-random number for each disc on each square, all exclusive-or'ed [Zobrist 1970].
#include "othello.h"

#define KEYS_SEED 0x2545f4914f6cdd1dL

static long keys[2][SQUARES];
static long turn_key, passed_key;

void keys_make(void) {
    random_seed(KEYS_SEED);
    for (int colour = BLACK; colour <= WHITE; colour++)
        for (int square = 0; square < SQUARES; square++)
            keys[colour][square] = random_bits();
    turn_key = random_bits();
    passed_key = random_bits();
}

static long key_of_discs(long discs, int colour) {
    long key = 0;
    for (; discs; discs = bit_without_lowest(discs))
        key ^= keys[colour][bit_lowest(discs)];
    return key;
}

long key_of(const struct board *board) {
    long key = key_of_discs(board->own, board->colour) ^ key_of_discs(board->other, !board->colour);
    if (board->colour == WHITE)
        key ^= turn_key;
    return board->passed ? key ^ passed_key : key;
}
