// Results of several games.
#include "othello.h"

void tally_add(struct tally *tally, int own, int other) {
    tally->games++;
    if (own > other)
        tally->wins++;
    else if (own == other)
        tally->draws++;
    else
        tally->losses++;
    tally->discs += own - other;
}

void tally_show(const char *name, const struct tally *tally) {
    put_padded(name, TEXT_WIDTH);
    put_number(tally->wins);
    put_text(" won, ");
    put_number(tally->draws);
    put_text(" drawn, ");
    put_number(tally->losses);
    put_text(" lost of ");
    put_number(tally->games);
    put_text(", discs ");
    put_number(tally->discs);
    putchar('\n');
}
