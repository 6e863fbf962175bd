// The book: a position, turned to its canonical form, and what was played there.
#include "othello.h"

static struct book_entry entries[BOOK_ENTRIES];
static int used;

static struct book_entry *find(const struct board *board, int square) {
    for (int i = 0; i < used; i++)
        if (entries[i].own == board->own && entries[i].other == board->other &&
            (square == NO_SQUARE || entries[i].square == square))
            return &entries[i];
    return 0;
}

void book_add(const struct board *board, int square) {
    struct board turned;
    int which = canonical(&turned, board);
    struct book_entry *entry;
    square = symmetry_square(square, which);
    entry = find(&turned, square);
    if (!entry && used < BOOK_ENTRIES) {
        entry = &entries[used++];
        entry->own = turned.own;
        entry->other = turned.other;
        entry->square = square;
        entry->times = 0;
    }
    if (entry)
        entry->times++;
}

int book_size(void) {
    return used;
}

// Which square a symmetry brings to this one.
static int turned_back(int square, int which) {
    for (int from = 0; from < SQUARES; from++)
        if (symmetry_square(from, which) == square)
            return from;
    return NO_SQUARE;
}

int book_move(const struct board *board) {
    struct board turned;
    int which = canonical(&turned, board);
    struct book_entry *entry = find(&turned, NO_SQUARE);
    return entry ? turned_back(entry->square, which) : NO_SQUARE;
}
