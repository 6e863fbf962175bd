// Which squares can be played.
#include "othello.h"

// An empty square at the end of a row of the other's discs that begins at one's own.
static long moves_towards(long own, long other, int direction) {
    return bit_shift(bit_ray(own, other, direction), direction);
}

long moves_of(long own, long other) {
    long found = 0;
    for (int direction = 0; direction < DIRECTIONS; direction++)
        found |= moves_towards(own, other, direction);
    return found & ~(own | other);
}

int must_pass(const struct board *board) {
    return !moves_of(board->own, board->other);
}

int game_over(const struct board *board) {
    return must_pass(board) && !moves_of(board->other, board->own);
}
