// Looking ahead.
#ifndef SEARCH_H
#define SEARCH_H

#define MAX_DEPTH 12
#define INFINITY (2 * WIN)

struct search {
    long nodes, leaves, cutoffs;
    int depth;        // that was reached
    int score;
    int best;
    int line_length;
    int line[MAX_DEPTH];
};

int alphabeta(struct search *search, const struct board *board, int depth, int alpha, int beta, int ply);
int solve(struct search *search, const struct board *board, int alpha, int beta);
int solve_last(const struct board *board);
int search_best(struct search *search, const struct board *board, int depth);
void order_moves(const struct board *board, struct move_list *list, int hash_square, int ply);
void killers_clear(void);
void killer_add(int ply, int square);
int killer_rank(int ply, int square);
void history_clear(void);
void history_add(int colour, int square, int depth);
int history_rank(int colour, int square);
void line_find(struct search *search, const struct board *board);
void search_show(const struct search *search);
#endif
