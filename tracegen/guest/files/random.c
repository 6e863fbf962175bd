// Pseudo-random numbers: Marsaglia's shifts and exclusive-ors of 64 bits.
#include "othello.h"

static long state = RANDOM_SEED;

void random_seed(long seed) {
    state = seed ? seed : RANDOM_SEED;
}

// The shift right is one of bits, not of a number with a sign.
long random_bits(void) {
    state ^= state << 13;
    state ^= (state >> 7) & 0x01ffffffffffffffL;
    state ^= state << 17;
    return state;
}

int random_below(int limit) {
    long bits = (random_bits() >> 11) & 0xfffffffffffL;
    return (int)(bits % limit);
}
