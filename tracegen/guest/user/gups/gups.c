// gups WORDS UPDATES: random updates of a table, after HPCC RandomAccess.
//
// table[i] starts as i; each step of a shift-register sequence (x^64 + x^2 + x + 1, from 1) is exclusive-or'ed into
// the word that its low bits name.  Doing the same updates again restores the table, which proves them all.
#include "user.h"

#define POLYNOMIAL 7

static u64 advance(u64 random) {
    return (random << 1) ^ ((i64)random < 0 ? POLYNOMIAL : 0);
}

static void update(u64 *table, u64 words, u64 updates) {
    u64 random = 1;
    for (u64 i = 0; i < updates; i++) {
        random = advance(random);
        table[random & (words - 1)] ^= random;
    }
}

// A sum in which both the value and the place of each word count.
static u64 checksum(const u64 *table, u64 words) {
    u64 sum = 0;
    for (u64 i = 0; i < words; i++)
        sum = sum * 31 + table[i];
    return sum;
}

static u64 misplaced(const u64 *table, u64 words) {
    u64 wrong = 0;
    for (u64 i = 0; i < words; i++)
        wrong += table[i] != i;
    return wrong;
}

int main(void) {
    u64 words = number_argument(1), updates = number_argument(2);
    if (words == 0 || words & (words - 1))
        stop("table words must be a power of two", STATUS_USAGE);
    u64 *table = allocate(words * sizeof *table);
    for (u64 i = 0; i < words; i++)
        table[i] = i;
    MARK_BEGIN();
    update(table, words, updates);
    MARK_END();
    u64 sum = checksum(table, words);
    update(table, words, updates);
    u64 wrong = misplaced(table, words);
    print("gups: ");
    print_decimal(words);
    print(" words, ");
    print_decimal(updates);
    print(" updates, checksum ");
    print_hex(sum);
    print(", ");
    print_decimal(wrong);
    print(" wrong\n");
    return wrong ? EXIT_WRONG : EXIT_OK;
}
