// Which discs a move turns over.
#include "othello.h"

// A row of the other's discs counts only if one's own disc ends it.
static long flips_towards(long own, long other, long from, int direction) {
    long row = bit_ray(from, other, direction);
    if (!row)
        return 0;
    return bit_shift(row, direction) & own & ~row ? row : 0;
}

long flips_of(long own, long other, int square) {
    long from = bit_at(square), found = 0;
    if ((own | other) & from)
        return 0;
    if (!(bit_neighbours(from) & other))
        return 0;
    for (int direction = 0; direction < DIRECTIONS; direction++)
        found |= flips_towards(own, other, from, direction);
    return found;
}
