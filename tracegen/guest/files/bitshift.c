// Moving all squares of a bitboard by one.
#include "othello.h"

// What would come round the side of the board is masked off, and so is the sign that a shift right brings in.
struct step {
    int left, right;
    long keep;
};

static const struct step steps[DIRECTIONS] = {
    {1, 0, NOT_FILE_A},         // east
    {9, 0, NOT_FILE_A & ~RANK_1},
    {8, 0, ~RANK_1},            // south
    {7, 0, NOT_FILE_H & ~RANK_1},
    {0, 1, NOT_FILE_H},         // west
    {0, 9, NOT_FILE_H & FIT_9},
    {0, 8, BELOW_RANK_8},       // north
    {0, 7, NOT_FILE_A & FIT_7},
};

long bit_shift(long bits, int direction) {
    const struct step *step = &steps[direction];
    return ((bits << step->left) >> step->right) & step->keep;
}

// Where nothing comes from.
long bit_border(int direction) {
    return ~steps[direction].keep;
}

long bit_neighbours(long bits) {
    long sideways = bits | ((bits << 1) & NOT_FILE_A) | ((bits >> 1) & NOT_FILE_H);
    long all = sideways | (sideways << 8) | ((sideways >> 8) & BELOW_RANK_8);
    return all & ~bits;
}
