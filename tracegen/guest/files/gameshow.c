// A game, told.
#include "othello.h"

static void show_result(const struct game_result *result) {
    put_number(result->black);
    put_text(" to ");
    put_number(result->white);
    if (result->black > result->white)
        put_text(", black is ahead");
    else if (result->black < result->white)
        put_text(", white is ahead");
    else
        put_text(", even");
    put_text(" after ");
    put_number(result->plies);
    put_text(" plies and ");
    put_number(result->nodes);
    put_line(" nodes");
}

void game_show(const struct player *black, const struct player *white, const struct transcript *game,
               const struct game_result *result) {
    struct board end;
    put_text(black->name);
    put_text(" against ");
    put_text(white->name);
    put_text(": ");
    show_result(result);
    transcript_show(game);
    check("the game can be played again", game->plies, transcript_replay(game, &end));
}
