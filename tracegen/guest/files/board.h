// A position, seen by the one who moves.
#ifndef BOARD_H
#define BOARD_H

#define SIZE 8
#define SQUARES 64
#define PASS SQUARES
#define NO_SQUARE (SQUARES + 1)

enum colour { BLACK, WHITE };

struct board {
    long own;    // discs of the one who moves
    long other;
    int colour;  // of the one who moves
    int passed;  // the last move was a pass
};

void board_start(struct board *board);
void board_copy(struct board *to, const struct board *from);
int board_equal(const struct board *a, const struct board *b);
long board_empty(const struct board *board);
int board_empties(const struct board *board);
int board_discs(const struct board *board, int colour);
int board_difference(const struct board *board); // own discs less the other's
int board_parse(struct board *board, const char *text); // 64 of "XO-", then who moves
void board_show(const struct board *board);
int board_valid(const struct board *board);
#endif
