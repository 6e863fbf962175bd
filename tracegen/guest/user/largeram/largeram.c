// largeram PAGES ROUNDS: a new process fills that many fresh pages and reads them back in scattered order, each round.
//
// Much more memory than a TLB covers, touched for the first time and given back: the counterpart of PassMark's Large
// RAM test in Adams and Agesen (ASPLOS 2006, section 6.2).
#include "user.h"

#define WORDS (PAGE_BYTES / sizeof(u64))
#define STRIDE 1031 // a prime, so that its multiples visit every page unless it divides their number
#define TOUCHES 8   // words written and read in a page

static u64 value(u64 page, u64 touch) {
    return page * 0x9e3779b97f4a7c15 + touch;
}

// How many words were not as they had been written.
static u64 one_round(u64 pages) {
    u64 *memory = allocate(pages * PAGE_BYTES), wrong = 0;
    for (u64 page = 0; page < pages; page++)
        for (u64 touch = 0; touch < TOUCHES; touch++)
            memory[page * WORDS + touch * (WORDS / TOUCHES)] = value(page, touch);
    for (u64 i = 0; i < pages; i++) {
        u64 page = i * STRIDE % pages;
        for (u64 touch = 0; touch < TOUCHES; touch++)
            wrong += memory[page * WORDS + touch * (WORDS / TOUCHES)] != value(page, touch);
    }
    return wrong;
}

int main(void) {
    u64 pages = number_argument(1), rounds = number_argument(2), wrong = 0;
    if (pages == 0 || pages % STRIDE == 0)
        stop("pages must be positive and no multiple of 1031", STATUS_USAGE);
    MARK_BEGIN();
    for (u64 round = 0; round < rounds; round++) {
        i64 child = sys_fork();
        if (child == 0)
            sys_exit(one_round(pages) != 0);
        if (child < 0)
            stop("cannot fork", STATUS_NO_MEMORY);
        u64 status = 0;
        wrong += sys_wait(&status) != child || status != 0;
    }
    MARK_END();
    print("largeram: ");
    print_decimal(pages);
    print(" pages, ");
    print_decimal(rounds);
    print(" rounds, ");
    print_decimal(wrong);
    print(" wrong\n");
    return wrong ? EXIT_WRONG : EXIT_OK;
}
