// The evaluation, told term by term.
#include "othello.h"

const char *term_names[TERMS] = {
    "corners", "mobility", "frontier", "stability", "edges", "parity", "discs", "squares", "wedges",
};

void evaluate_show(const struct board *board) {
    int empties = board_empties(board);
    for (int term = 0; term < TERMS; term++) {
        put_padded(term_names[term], TEXT_WIDTH);
        put_number(term_value(term, board));
        put_text(" x ");
        put_number(phase_weight(term, empties));
        putchar('\n');
    }
    put_field("evaluation", evaluate(board));
}
