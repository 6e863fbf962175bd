// Tests of directions: a step there and back, and the rows they make.
#include "othello.h"

static long on_board(int file, int rank) {
    return file >= 0 && file < SIZE && rank >= 0 && rank < SIZE ? bit_at(rank * SIZE + file) : 0;
}

static void check_step(int square, int direction) {
    static const int files[DIRECTIONS] = {1, 1, 0, -1, -1, -1, 0, 1};
    static const int ranks[DIRECTIONS] = {0, 1, 1, 1, 0, -1, -1, -1};
    int file = square % SIZE + files[direction], rank = square / SIZE + ranks[direction];
    check("a step", on_board(file, rank), bit_shift(bit_at(square), direction));
}

void check_rays(void) {
    check_begin("rays");
    for (int square = 0; square < SQUARES; square += 21)
        for (int direction = 0; direction < DIRECTIONS; direction++)
            check_step(square, direction);
    check("a row", RANK_1 & ~1L & NOT_FILE_H, bit_ray(1, RANK_1 & NOT_FILE_H, EAST));
    check("a diagonal", 6, bit_count(bit_ray(1, ~bit_at(63), SOUTH_EAST)));
    check("nothing", 0, bit_ray(bit_at(20), 0, NORTH));
    check_end();
}
