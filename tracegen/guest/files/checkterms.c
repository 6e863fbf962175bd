// Tests of the evaluation: what is good for one is bad for the other, and turning the board changes nothing.
#include "othello.h"

static void swap_sides(struct board *board) {
    long own = board->own;
    board->own = board->other;
    board->other = own;
}

static void check_board(const struct board *board) {
    struct board changed;
    for (int term = 0; term < TERMS; term++) {
        int value = term_value(term, board);
        if (term != TERM_PARITY) {
            changed = *board;
            swap_sides(&changed);
            check(term_names[term], -value, term_value(term, &changed));
        }
        for (int which = 5; which < SYMMETRIES; which += 4) {
            board_symmetry(&changed, board, which);
            check(term_names[term], value, term_value(term, &changed));
        }
    }
}

static void check_stable(void) {
    check("none", 0, stable_discs(CENTRE, 0));
    check("an edge", RANK_1, stable_discs(RANK_1, CENTRE));
    check("a corner", 3, stable_discs(3, 4 | bit_at(8)));
    check("all", ~0L, stable_discs(~0L, 0));
}

void check_terms(void) {
    struct board board;
    check_begin("terms");
    check_position(&board, 1);
    check_board(&board);
    check_stable();
    check_end();
}
