// One board for all eight that are the same: the least, as numbers.
#include "othello.h"

static int less(const struct board *a, const struct board *b) {
    return a->own != b->own ? a->own < b->own : a->other < b->other;
}

int canonical(struct board *to, const struct board *from) {
    struct board turned;
    int best = 0;
    *to = *from;
    for (int which = 1; which < SYMMETRIES; which++) {
        board_symmetry(&turned, from, which);
        if (less(&turned, to)) {
            *to = turned;
            best = which;
        }
    }
    return best;
}
