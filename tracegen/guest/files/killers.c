// Killers: moves that cut a search off at this distance from the root before.
#include "othello.h"

#define KEPT 2

static int killers[MAX_DEPTH][KEPT];

void killers_clear(void) {
    for (int ply = 0; ply < MAX_DEPTH; ply++)
        for (int i = 0; i < KEPT; i++)
            killers[ply][i] = NO_SQUARE;
}

void killer_add(int ply, int square) {
    int *kept = killers[ply];
    if (kept[0] == square)
        return;
    kept[1] = kept[0];
    kept[0] = square;
}

int killer_rank(int ply, int square) {
    for (int i = 0; i < KEPT; i++)
        if (killers[ply][i] == square)
            return KEPT - i;
    return 0;
}
