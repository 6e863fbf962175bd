// Tests of squares and games as text.
#include "othello.h"

static void check_squares(void) {
    char text[3];
    for (int square = 0; square <= PASS; square += 7) {
        square_text(square, text);
        check("there and back", square, square_parse(text));
    }
    check("no file", NO_SQUARE, square_parse("i3"));
    check("no rank", NO_SQUARE, square_parse("a9"));
}

static void check_games(void) {
    struct transcript game;
    struct board end;
    check("parsed", 1, transcript_parse(&game, "f5 d6 c3d3 c4"));
    check("plies", 5, game.plies);
    check("legal", 5, transcript_replay(&game, &end));
    check("discs", 9, SQUARES - board_empties(&end));
    check("not parsed", 0, transcript_parse(&game, "f5x1"));
    check("parsed", 1, transcript_parse(&game, "f5a1"));
    check("illegal", 1, transcript_replay(&game, &end));
}

void check_notation(void) {
    check_begin("notation");
    check_squares();
    check_games();
    check_end();
}
