// The eight ways to turn and mirror a board.
#ifndef SYMMETRY_H
#define SYMMETRY_H

#define SYMMETRIES 8

long mirror_ranks(long bits);
long mirror_files(long bits);
long mirror_diagonal(long bits);
long symmetry_of(long bits, int which);
int symmetry_square(int square, int which);
void board_symmetry(struct board *to, const struct board *from, int which);
int canonical(struct board *to, const struct board *from); // which symmetry makes the least board
#endif
