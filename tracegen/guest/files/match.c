// A match: games in which the players take turns at black.
#include "othello.h"

static void one_game(const struct player *black, const struct player *white, int plies, int one_is_black,
                     struct tally *of_one) {
    struct transcript game;
    struct game_result result;
    game_play(black, white, plies, &game, &result);
    game_show(black, white, &game, &result);
    if (one_is_black)
        tally_add(of_one, result.black, result.white);
    else
        tally_add(of_one, result.white, result.black);
}

void match(const struct player *one, const struct player *two, int games, int plies) {
    struct tally of_one = {0, 0, 0, 0, 0};
    for (int game = 0; game < games; game++)
        if (game % 2 == 0)
            one_game(one, two, plies, 1, &of_one);
        else
            one_game(two, one, plies, 0, &of_one);
    tally_show(one->name, &of_one);
}
