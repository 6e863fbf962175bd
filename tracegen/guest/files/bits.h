// Bitboards: bit 0 is a1, bit 7 is h1, bit 63 is h8.
#ifndef BITS_H
#define BITS_H

#define FILE_A 0x0101010101010101L
#define NOT_FILE_A (~FILE_A)
#define NOT_FILE_H 0x7f7f7f7f7f7f7f7fL
#define RANK_1 0xffL
#define RANK_8 (RANK_1 << 56)
#define FILE_H (FILE_A << 7)
#define CORNERS (1L | 1L << 7 | 1L << 56 | 1L << 63)
#define EDGES (RANK_1 | RANK_8 | FILE_A | FILE_H)
#define CENTRE 0x00003c3c3c3c0000L

// A shift right brings zeroes in only where these say so: numbers have signs.
#define BELOW_RANK_8 0x00ffffffffffffffL
#define FIT_1 0x7fffffffffffffffL
#define FIT_7 0x01ffffffffffffffL
#define FIT_9 0x007fffffffffffffL

enum direction { EAST, SOUTH_EAST, SOUTH, SOUTH_WEST, WEST, NORTH_WEST, NORTH, NORTH_EAST, DIRECTIONS };

long bit_at(int square);
int bit_count(long bits);
int bit_lowest(long bits);    // its square; there must be one
long bit_without_lowest(long bits);
long bit_shift(long bits, int direction);
long bit_border(int direction); // squares that nothing comes to by this step
long bit_neighbours(long bits); // of all squares that are set, without themselves
long bit_ray(long from, long over, int direction); // squares of `over` in a row from `from`
#endif
