// All tests.
#include "othello.h"

int run_tests(void) {
    check_bits();
    check_rays();
    check_moves();
    check_perft();
    check_symmetry();
    check_notation();
    check_hash();
    check_terms();
    check_search();
    check_endgame();
    check_book();
    put_field("checks", checks);
    put_field("failures", failures);
    return failures;
}
