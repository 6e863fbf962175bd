// A match: pairs of games, each player black once.
#include "othello.h"

static void one_game(const struct player *black, const struct player *white, int one_is_black, struct tally *of_one) {
    struct transcript game;
    struct game_result result;
    game_play(black, white, &game, &result);
    game_show(black, white, &game, &result);
    if (one_is_black)
        tally_add(of_one, result.black, result.white);
    else
        tally_add(of_one, result.white, result.black);
}

void match(const struct player *one, const struct player *two, int pairs) {
    struct tally of_one = {0, 0, 0, 0, 0};
    for (int pair = 0; pair < pairs; pair++) {
        one_game(one, two, 1, &of_one);
        one_game(two, one, 0, &of_one);
    }
    tally_show(one->name, &of_one);
}
