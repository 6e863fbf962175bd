// What the tests have in common.
#include "othello.h"

int checks, failures;

const char *checked_positions[CHECKED_POSITIONS] = {
    "---------------------------OX------XO---------------------------X",
    "--OOO-----OOO---XXOXXX--OOXOOXX-OOXXOXX--OXXXXX----XX-----------O",
    "XOOOOOOOXXOOOOO-XOXOOXO-XOXXOXOOXOXOXXOOXOOXXXO-XOOOOO--X-XXXX--X",
    "OOOOOOOOXXXXXXXOXOXOXOXOXXOXXXOOXOXXOXXOXXOXXXXOXOXXXOXOXXXXXX-OX",
};

static int at_begin;

void check_begin(const char *name) {
    put_padded(name, TEXT_WIDTH);
    at_begin = failures;
}

void check_end(void) {
    put_line(failures == at_begin ? "ok" : "FAILED");
}

void check(const char *what, long expected, long actual) {
    checks++;
    if (expected == actual)
        return;
    failures++;
    put_text(what);
    put_text(": expected ");
    put_number(expected);
    put_text(", is ");
    put_number(actual);
    putchar('\n');
}

void check_position(struct board *board, int which) {
    check("position", 1, board_parse(board, checked_positions[which]));
}
