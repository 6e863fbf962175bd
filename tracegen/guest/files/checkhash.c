// Tests of keys and of the transposition table.
#include "othello.h"

static void check_keys(void) {
    struct board one, other;
    board_start(&one);
    board_copy(&other, &one);
    check("same board", key_of(&one), key_of(&other));
    play(&other, square_parse("f5"));
    check("other board", 0, key_of(&one) == key_of(&other));
    board_copy(&other, &one);
    other.colour = WHITE;
    check("other turn", 0, key_of(&one) == key_of(&other));
}

static void check_table(void) {
    long first = 12, second = first + HASH_ENTRIES, third = second + HASH_ENTRIES;
    hash_clear();
    hash_new_search();
    hash_store(first, 5, 8, BOUND_EXACT, 3);
    hash_store(second, 6, 2, BOUND_LOWER, 4);
    hash_store(third, 7, 4, BOUND_UPPER, 5);
    check("the deeper stays", 5, hash_probe(first) ? hash_probe(first)->score : -1);
    check("the shallower goes", 1, hash_probe(second) == 0);
    check("the new is there", BOUND_UPPER, hash_probe(third) ? hash_probe(third)->bound : -1);
    check("replaced", 1, hash_counts.replaced);
    hash_clear();
    check("empty", 0, hash_used());
}

void check_hash(void) {
    check_begin("hash");
    check_keys();
    check_table();
    check_end();
}
