// Corners, and the squares beside them that give them away.
#include "othello.h"

#define CORNER 10
#define X_SQUARE (-6)   // diagonally beside an empty corner
#define C_SQUARE (-2)   // on the edge beside one

static const struct {
    int corner, diagonal, beside, below;
} corner_squares[4] = {{0, 9, 1, 8}, {7, 14, 6, 15}, {56, 49, 57, 48}, {63, 54, 62, 55}};

static int worth(long discs, long empty) {
    int sum = 0;
    for (int i = 0; i < 4; i++) {
        if (discs & bit_at(corner_squares[i].corner))
            sum += CORNER;
        if (!(empty & bit_at(corner_squares[i].corner)))
            continue;
        if (discs & bit_at(corner_squares[i].diagonal))
            sum += X_SQUARE;
        if (discs & bit_at(corner_squares[i].beside))
            sum += C_SQUARE;
        if (discs & bit_at(corner_squares[i].below))
            sum += C_SQUARE;
    }
    return sum;
}

int term_corners(const struct board *board) {
    long empty = board_empty(board);
    return worth(board->own, empty) - worth(board->other, empty);
}
