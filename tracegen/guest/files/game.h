// Players and games.
#ifndef GAME_H
#define GAME_H

enum style { STYLE_RANDOM, STYLE_GREEDY, STYLE_MOBILE, STYLE_SEARCH, STYLES };

struct player {
    const char *name;
    int style;
    int depth;
    int solve_at;   // empties from which on it plays exactly
};

struct game_result {
    int black, white, plies;
    long nodes;
};

struct tally {
    int games, wins, draws, losses, discs;
};

int choose(const struct player *player, const struct board *board, struct search *search);
int choose_random(const struct board *board);
int choose_greedy(const struct board *board);
int choose_mobile(const struct board *board);
void game_play(const struct player *black, const struct player *white, int plies, struct transcript *game,
               struct game_result *result);
void game_show(const struct player *black, const struct player *white, const struct transcript *game,
               const struct game_result *result);
void tally_add(struct tally *tally, int own, int other);
void tally_show(const char *name, const struct tally *tally);
int run_tests(void);
void play_matches(void);
void match(const struct player *one, const struct player *two, int games, int plies);
#endif
