// Parity: the last move into each region of empty squares is an advantage.
#include "othello.h"

// The empty squares that hang together with one of them.
static long region_of(long seed, long empty) {
    long region = seed, before = 0;
    while (region != before) {
        before = region;
        region |= bit_neighbours(region) & empty;
    }
    return region;
}

int term_parity(const struct board *board) {
    long empty = board_empty(board);
    int odd = 0, even = 0;
    while (empty) {
        long region = region_of(empty & -empty, empty);
        if (bit_count(region) & 1)
            odd++;
        else
            even++;
        empty &= ~region;
    }
    return odd > even ? 2 : odd == even ? 0 : -1;
}
