// Deepening: each search finds the order of moves for the next.
#include "othello.h"

static void search_start(struct search *search) {
    search->nodes = search->leaves = search->cutoffs = 0;
    search->depth = search->score = search->line_length = 0;
    search->best = PASS;
}

static int best_of(const struct board *board) {
    struct hash_entry *entry = hash_probe(key_of(board));
    if (entry && entry->square != NO_SQUARE)
        return entry->square;
    return bit_lowest(moves_of(board->own, board->other));
}

int search_best(struct search *search, const struct board *board, int depth) {
    search_start(search);
    if (must_pass(board))
        return PASS;
    killers_clear();
    hash_new_search();
    for (int reached = 1; reached <= depth; reached++) {
        search->score = alphabeta(search, board, reached, -INFINITY, INFINITY, 0);
        search->depth = reached;
        search->best = best_of(board);
    }
    line_find(search, board);
    return search->best;
}
