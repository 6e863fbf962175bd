// Games as a row of squares.
#include "othello.h"

#define PER_LINE 15

void transcript_add(struct transcript *game, int square) {
    if (game->plies < MAX_PLIES)
        game->squares[game->plies++] = square;
}

void transcript_show(const struct transcript *game) {
    char text[3];
    for (int i = 0; i < game->plies; i++) {
        square_text(game->squares[i], text);
        put_text(text);
        putchar(i % PER_LINE == PER_LINE - 1 || i == game->plies - 1 ? '\n' : ' ');
    }
}

// Squares may stand close together.
int transcript_parse(struct transcript *game, const char *text) {
    game->plies = 0;
    while (*text) {
        int square;
        if (*text == ' ') {
            text++;
            continue;
        }
        square = square_parse(text);
        if (square == NO_SQUARE)
            return 0;
        transcript_add(game, square);
        text += 2;
    }
    return 1;
}
