// The program: tests itself, looks at a position, and plays some games.
#include "othello.h"


static void show_position(void) {
    struct board board;
    struct search search;
    check_position(&board, 1);
    board_show(&board);
    put_text("key ");
    put_hex(key_of(&board));
    putchar('\n');
    evaluate_show(&board);
    hash_clear();
    search_best(&search, &board, 1);
    search_show(&search);
}

int main(void) {
    keys_make();
    killers_clear();
    history_clear();
    hash_clear();
    book_make();
    if (run_tests())
        return 1;
    show_position();
    play_matches();
    return failures != 0;
}
