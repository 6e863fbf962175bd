// Rows of squares in one direction.
#include "othello.h"

// Six squares at most lie between two others of a row.
long bit_ray(long from, long over, int direction) {
    long ray = bit_shift(from, direction) & over;
    for (int i = 0; i < SIZE - 3 && ray; i++) {
        long further = ray | (bit_shift(ray, direction) & over);
        if (further == ray)
            break;
        ray = further;
    }
    return ray;
}
