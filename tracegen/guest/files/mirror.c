// Mirrors of a bitboard, by exchanging ever smaller halves.
#include "othello.h"

#define EVERY_OTHER_8 0x00ff00ff00ff00ffL
#define EVERY_OTHER_16 0x0000ffff0000ffffL
#define LOW_32 0xffffffffL

long mirror_ranks(long bits) {
    bits = ((bits >> 8) & EVERY_OTHER_8) | ((bits & EVERY_OTHER_8) << 8);
    bits = ((bits >> 16) & EVERY_OTHER_16) | ((bits & EVERY_OTHER_16) << 16);
    return ((bits >> 32) & LOW_32) | (bits << 32);
}

long mirror_files(long bits) {
    bits = ((bits >> 1) & 0x5555555555555555L) | ((bits & 0x5555555555555555L) << 1);
    bits = ((bits >> 2) & 0x3333333333333333L) | ((bits & 0x3333333333333333L) << 2);
    return ((bits >> 4) & 0x0f0f0f0f0f0f0f0fL) | ((bits & 0x0f0f0f0f0f0f0f0fL) << 4);
}

// Exchanges the bits that `mask` names with those `distance` above them.
static long exchange(long bits, long mask, int distance) {
    long differ = (bits ^ (bits >> distance)) & mask;
    return bits ^ differ ^ (differ << distance);
}

long mirror_diagonal(long bits) {
    bits = exchange(bits, 0x00aa00aa00aa00aaL, 7);
    bits = exchange(bits, 0x0000cccc0000ccccL, 14);
    return exchange(bits, 0x00000000f0f0f0f0L, 28);
}
