// Counting and finding bits.
#include "othello.h"

#define PAIRS 0x5555555555555555L
#define FOURS 0x3333333333333333L
#define EIGHTS 0x0f0f0f0f0f0f0f0fL
#define ONES 0x0101010101010101L

long bit_at(int square) {
    return 1L << square;
}

// Sums of neighbours, in fields that double; the product adds the eight bytes up.
int bit_count(long bits) {
    bits -= (bits >> 1) & PAIRS;
    bits = (bits & FOURS) + ((bits >> 2) & FOURS);
    bits = (bits + (bits >> 4)) & EIGHTS;
    return (int)((bits * ONES) >> 56);
}

// The bits below the lowest one are as many as its number.
int bit_lowest(long bits) {
    return bit_count((bits & -bits) - 1);
}

long bit_without_lowest(long bits) {
    return bits & (bits - 1);
}
