// Moving all squares of a bitboard by one.
#include "othello.h"

// What would come round the side of the board is masked off, and so is the sign that a shift right brings in.
long bit_shift(long bits, int direction) {
    switch (direction) {
    case EAST:
        return (bits << 1) & NOT_FILE_A;
    case SOUTH_EAST:
        return (bits << 9) & NOT_FILE_A;
    case SOUTH:
        return bits << 8;
    case SOUTH_WEST:
        return (bits << 7) & NOT_FILE_H;
    case WEST:
        return (bits >> 1) & NOT_FILE_H;
    case NORTH_WEST:
        return (bits >> 9) & NOT_FILE_H & BELOW_RANK_8;
    case NORTH:
        return (bits >> 8) & BELOW_RANK_8;
    default:
        return (bits >> 7) & NOT_FILE_A & (BELOW_RANK_8 << 1 | 1);
    }
}

long bit_neighbours(long bits) {
    long sideways = bits | ((bits << 1) & NOT_FILE_A) | ((bits >> 1) & NOT_FILE_H);
    long all = sideways | (sideways << 8) | ((sideways >> 8) & BELOW_RANK_8);
    return all & ~bits;
}
