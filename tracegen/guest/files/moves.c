// Which squares can be played.
#include "othello.h"

#define INNER_FILES 0x7e7e7e7e7e7e7e7eL // a row that goes on across these does not go round the board's side

// Empty squares at the end of rows of the other's discs that begin at one's own, in one direction and its opposite.
static long moves_along(long own, long over, int distance, long fit) {
    long up = over & (own << distance);
    long down = over & ((own >> distance) & fit);
    for (int i = 0; i < SIZE - 3 && (up | down); i++) {
        long further = over & (up << distance), back = over & ((down >> distance) & fit);
        if (!(further & ~up) && !(back & ~down))
            break;
        up |= further;
        down |= back;
    }
    return (up << distance) | ((down >> distance) & fit);
}

long moves_of(long own, long other) {
    long inner = other & INNER_FILES;
    long found = moves_along(own, inner, 1, FIT_1) | moves_along(own, other, SIZE, BELOW_RANK_8);
    found |= moves_along(own, inner, SIZE - 1, FIT_7) | moves_along(own, inner, SIZE + 1, FIT_9);
    return found & ~(own | other);
}

int must_pass(const struct board *board) {
    return !moves_of(board->own, board->other);
}

int game_over(const struct board *board) {
    return must_pass(board) && !moves_of(board->other, board->own);
}
