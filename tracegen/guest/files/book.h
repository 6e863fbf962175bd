// Openings that need no thought.
#ifndef BOOK_H
#define BOOK_H

#define BOOK_ENTRIES 256

struct book_entry {
    long own, other;   // of the canonical board
    int square;
    int times;
};

extern const char *book_lines[];
extern int book_line_count;

void book_make(void);
void book_add(const struct board *board, int square);
int book_move(const struct board *board);   // NO_SQUARE where the book ends
int book_size(void);
#endif
