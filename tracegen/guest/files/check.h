// The program's tests of itself.
#ifndef CHECK_H
#define CHECK_H

#define CHECKED_POSITIONS 4

extern int checks, failures;
extern const char *checked_positions[CHECKED_POSITIONS];

void check(const char *what, long expected, long actual);
void check_begin(const char *name);
void check_end(void);
void check_position(struct board *board, int which);

void check_bits(void);
void check_rays(void);
void check_moves(void);
void check_perft(void);
void check_symmetry(void);
void check_notation(void);
void check_hash(void);
void check_terms(void);
void check_search(void);
void check_endgame(void);
void check_book(void);
#endif
