// The line that a search expects, read back from the transposition table.
#include "othello.h"

void line_find(struct search *search, const struct board *board) {
    struct board at;
    at = *board;
    search->line_length = 0;
    while (search->line_length < search->depth) {
        struct hash_entry *entry = hash_probe(key_of(&at));
        if (!entry || entry->square == NO_SQUARE)
            return;
        if (!flips_of(at.own, at.other, entry->square))
            return;
        search->line[search->line_length++] = entry->square;
        play(&at, entry->square);
    }
}

void search_show(const struct search *search) {
    char text[3];
    put_text("depth ");
    put_number(search->depth);
    put_text(", score ");
    put_number(search->score);
    put_text(", ");
    put_number(search->nodes);
    put_text(" nodes, ");
    put_number(search->cutoffs);
    put_text(" cut:");
    for (int i = 0; i < search->line_length; i++) {
        square_text(search->line[i], text);
        putchar(' ');
        put_text(text);
    }
    putchar('\n');
}
