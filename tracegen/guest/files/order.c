// The order in which moves are tried: the likely best first.
#include "othello.h"

#define HASH_MOVE 1000000
#define KILLER_MOVE 20000
#define CORNER_MOVE 50000
#define REPLY -300        // for each move that the other one gets

static int replies(const struct board *board, const struct move *move) {
    long own = board->own | move->flips | bit_at(move->square);
    return bit_count(moves_of(board->other & ~move->flips, own));
}

static int rank(const struct board *board, const struct move *move, int ply) {
    int score = KILLER_MOVE * killer_rank(ply, move->square) + history_rank(board->colour, move->square);
    if (bit_at(move->square) & CORNERS)
        score += CORNER_MOVE;
    return score + REPLY * replies(board, move);
}

void order_moves(const struct board *board, struct move_list *list, int hash_square, int ply) {
    for (int i = 0; i < list->count; i++) {
        struct move *move = &list->moves[i];
        move->score = move->square == hash_square ? HASH_MOVE : rank(board, move, ply);
    }
    moves_sort(list);
}
