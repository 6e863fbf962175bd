// Tests of bits.
#include "othello.h"

static void check_count(void) {
    check("no bits", 0, bit_count(0));
    check("all bits", SQUARES, bit_count(~0L));
    check("corners", 4, bit_count(CORNERS));
    check("edges", 28, bit_count(EDGES));
    check("centre", 16, bit_count(CENTRE));
}

static void check_each(void) {
    for (int square = 0; square < SQUARES; square += 4) {
        check("one bit", 1, bit_count(bit_at(square)));
        check("lowest", square, bit_lowest(bit_at(square) | bit_at(63)));
        check("without", 0, bit_without_lowest(bit_at(square)));
    }
}

static void check_neighbours(void) {
    check("of a corner", 3, bit_count(bit_neighbours(1)));
    check("of an edge", 5, bit_count(bit_neighbours(bit_at(3))));
    check("of the middle", 8, bit_count(bit_neighbours(bit_at(27))));
    check("of all", 0, bit_neighbours(~0L));
}

void check_bits(void) {
    check_begin("bits");
    check_count();
    check_each();
    check_neighbours();
    check_end();
}
