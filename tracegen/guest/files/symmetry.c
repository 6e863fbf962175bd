// The eight symmetries: bit 0 of the number mirrors files, bit 1 ranks, bit 2 the diagonal, in this order.
#include "othello.h"

long symmetry_of(long bits, int which) {
    if (which & 1)
        bits = mirror_files(bits);
    if (which & 2)
        bits = mirror_ranks(bits);
    if (which & 4)
        bits = mirror_diagonal(bits);
    return bits;
}

int symmetry_square(int square, int which) {
    int file = square % SIZE, rank = square / SIZE;
    if (which & 1)
        file = SIZE - 1 - file;
    if (which & 2)
        rank = SIZE - 1 - rank;
    return which & 4 ? file * SIZE + rank : rank * SIZE + file;
}

void board_symmetry(struct board *to, const struct board *from, int which) {
    *to = *from;
    to->own = symmetry_of(from->own, which);
    to->other = symmetry_of(from->other, which);
}
