// Discs that nobody can turn over any more.
#include "othello.h"

// All rows of one of the four directions that are full, as a set of squares.
static long full_rows(long occupied, int direction) {
    long full = occupied, before = 0;
    int back = direction + DIRECTIONS / 2;
    while (full != before) {
        before = full;
        full &= bit_shift(full, direction) | bit_border(direction);
        full &= bit_shift(full, back) | bit_border(back);
    }
    return full;
}

// A disc is stable if in each of the four directions its row is full, or it leans on the side or a stable disc.
long stable_discs(long own, long other) {
    long stable = own & CORNERS, before = 0, full[4];
    if (!stable)
        return 0;
    for (int direction = 0; direction < 4; direction++)
        full[direction] = full_rows(own | other, direction);
    while (stable != before) {
        long safe = own;
        before = stable;
        for (int direction = 0; direction < 4; direction++) {
            int back = direction + DIRECTIONS / 2;
            long ahead = bit_shift(stable, direction) | bit_border(direction);
            long behind = bit_shift(stable, back) | bit_border(back);
            safe &= full[direction] | ahead | behind;
        }
        stable |= safe;
    }
    return stable;
}
