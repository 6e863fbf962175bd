// Squares and games as text: "d3", "f5d6c3...".
#ifndef NOTATION_H
#define NOTATION_H

#define MAX_PLIES 128

struct transcript {
    int plies;
    int squares[MAX_PLIES];
};

void square_text(int square, char *to);    // three characters with the end
int square_parse(const char *text);        // NO_SQUARE where it is none
void transcript_add(struct transcript *game, int square);
void transcript_show(const struct transcript *game);
int transcript_parse(struct transcript *game, const char *text);
int transcript_replay(const struct transcript *game, struct board *end); // plies that were legal
#endif
