// The search: alpha-beta with a null window behind the first move, and the transposition table.
#include "othello.h"

static int pass(struct search *search, const struct board *board, int depth, int alpha, int beta, int ply) {
    struct board next;
    if (game_over(board))
        return DISC * final_score(board);
    next = *board;
    play(&next, PASS);
    return -alphabeta(search, &next, depth, -beta, -alpha, ply + 1);
}

static int known(const struct hash_entry *entry, int depth, int alpha, int beta) {
    if (!entry || entry->depth < depth)
        return 0;
    return entry->bound == BOUND_EXACT || (entry->bound == BOUND_LOWER && entry->score >= beta) ||
           (entry->bound == BOUND_UPPER && entry->score <= alpha);
}

static int try_move(struct search *search, const struct board *next, int depth, int alpha, int beta, int ply,
                    int first) {
    int score;
    if (first)
        return -alphabeta(search, next, depth - 1, -beta, -alpha, ply + 1);
    score = -alphabeta(search, next, depth - 1, -alpha - 1, -alpha, ply + 1);
    if (score > alpha && score < beta)
        score = -alphabeta(search, next, depth - 1, -beta, -score, ply + 1);
    return score;
}

static void cut(struct search *search, const struct board *board, int square, int depth, int ply) {
    search->cutoffs++;
    killer_add(ply, square);
    history_add(board->colour, square, depth);
}

int alphabeta(struct search *search, const struct board *board, int depth, int alpha, int beta, int ply) {
    struct move_list list;
    struct board next;
    long key = key_of(board);
    struct hash_entry *entry;
    int best = -INFINITY, best_square = NO_SQUARE, low = alpha;
    search->nodes++;
    if (depth <= 0 || ply >= MAX_DEPTH) {
        search->leaves++;
        return evaluate(board);
    }
    entry = hash_probe(key);
    if (ply && known(entry, depth, alpha, beta))
        return entry->score;
    moves_list(board, &list);
    if (!list.count)
        return pass(search, board, depth, alpha, beta, ply);
    order_moves(board, &list, entry ? entry->square : NO_SQUARE, ply);
    for (int i = 0; i < list.count && best < beta; i++) {
        int score;
        next = *board;
        play_flips(&next, list.moves[i].square, list.moves[i].flips);
        score = try_move(search, &next, depth, low, beta, ply, i == 0);
        if (score > best) {
            best = score;
            best_square = list.moves[i].square;
        }
        if (score > low)
            low = score;
    }
    if (best >= beta)
        cut(search, board, best_square, depth, ply);
    hash_store(key, best, depth, best >= beta ? BOUND_LOWER : best > alpha ? BOUND_EXACT : BOUND_UPPER, best_square);
    return best;
}
