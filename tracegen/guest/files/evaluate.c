// The evaluation: a sum of terms.
#include "othello.h"

int term_value(int term, const struct board *board) {
    switch (term) {
    case TERM_CORNERS:
        return term_corners(board);
    case TERM_MOBILITY:
        return term_mobility(board);
    case TERM_FRONTIER:
        return term_frontier(board);
    case TERM_STABILITY:
        return term_stability(board);
    case TERM_EDGES:
        return term_edges(board);
    case TERM_PARITY:
        return term_parity(board);
    case TERM_DISCS:
        return term_discs(board);
    case TERM_SQUARES:
        return term_squares(board);
    default:
        return term_wedges(board);
    }
}

int evaluate(const struct board *board) {
    int sum = 0, empties = board_empties(board);
    for (int term = 0; term < TERMS; term++) {
        int weight = phase_weight(term, empties);
        if (weight)
            sum += weight * term_value(term, board);
    }
    return sum;
}
