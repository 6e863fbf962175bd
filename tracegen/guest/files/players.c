// Who plays whom.
#include "othello.h"

static const struct player random_player = {"random", STYLE_RANDOM, 0, 0};
static const struct player greedy_player = {"greedy", STYLE_GREEDY, 0, 0};
static const struct player mobile_player = {"mobile", STYLE_MOBILE, 0, 3};
static const struct player search_player = {"search", STYLE_SEARCH, 1, 3};

void play_matches(void) {
    random_seed(1);
    hash_clear();
    history_clear();
    match(&search_player, &random_player, 1, 10);
    match(&mobile_player, &greedy_player, 1, 12);
}
