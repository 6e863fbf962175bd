// What a position is worth to the one who moves, in hundredths of a disc.
#ifndef EVALUATE_H
#define EVALUATE_H

#define DISC 100
#define WIN 1000000    // more than any evaluation

enum term { TERM_CORNERS, TERM_MOBILITY, TERM_FRONTIER, TERM_STABILITY, TERM_EDGES, TERM_PARITY, TERM_DISCS,
            TERM_SQUARES, TERM_WEDGES, TERMS };

enum phase { OPENING, MIDGAME, ENDGAME, PHASES };

int term_corners(const struct board *board);
int term_mobility(const struct board *board);
int term_frontier(const struct board *board);
int term_stability(const struct board *board);
int term_edges(const struct board *board);
int term_parity(const struct board *board);
int term_discs(const struct board *board);
int term_squares(const struct board *board);
int term_wedges(const struct board *board);

extern const char *term_names[TERMS];
long stable_discs(long own, long other);
int edge_index(long own, long other);
int phase_weight(int term, int empties);
int term_value(int term, const struct board *board);
int evaluate(const struct board *board);
int final_score(const struct board *board);
void evaluate_show(const struct board *board);
#endif
