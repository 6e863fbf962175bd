// What can be played, and playing it.
#ifndef MOVES_H
#define MOVES_H

#define MAX_MOVES 33

struct move {
    int square;
    int score;     // for the order in which moves are tried
    long flips;
};

struct move_list {
    int count;
    struct move moves[MAX_MOVES];
};

long moves_of(long own, long other);
long flips_of(long own, long other, int square);
void moves_list(const struct board *board, struct move_list *list);
void play(struct board *board, int square);       // also PASS
void play_flips(struct board *board, int square, long flips);
int game_over(const struct board *board);
int must_pass(const struct board *board);
long perft(const struct board *board, int depth); // games of so many moves
void moves_sort(struct move_list *list);
#endif
