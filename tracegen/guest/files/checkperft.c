// Tests of the move generator by counting games; the numbers are known.
#include "othello.h"

static const long known[] = {1, 4, 12};

void check_perft(void) {
    struct board board;
    check_begin("perft");
    board_start(&board);
    for (int depth = 0; depth < (int)(sizeof known / sizeof known[0]); depth++)
        check("games", known[depth], perft(&board, depth));
    check_end();
}
