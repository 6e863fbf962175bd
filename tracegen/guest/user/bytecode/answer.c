// The interpreted program's answer, by trial division, and by permutations of the queens.
#include "bytecode.h"

#define LIMIT 4000
#define BOARD 6
#define MODULUS 1000003

static int is_prime(u64 n) {
    for (u64 d = 2; d * d <= n; d++)
        if (n % d == 0)
            return 0;
    return n >= 2;
}

static int is_safe(const u64 *column, u64 row) {
    for (u64 above = 0; above < row; above++) {
        u64 apart = column[above] < column[row] ? column[row] - column[above] : column[above] - column[row];
        if (apart == 0 || apart == row - above)
            return 0;
    }
    return 1;
}

// Boards on which no queen threatens another: the column of each row's queen counts up like a digit.
static u64 count_boards(void) {
    u64 column[BOARD], found = 0, row = 0;
    memset(column, 0, sizeof column);
    for (;;) {
        if (column[row] < BOARD && !is_safe(column, row)) {
            column[row]++;
        } else if (column[row] == BOARD) {
            column[row] = 0;
            if (row-- == 0)
                return found;
            column[row]++;
        } else if (row + 1 == BOARD) {
            found++;
            column[row]++;
        } else {
            row++;
        }
    }
}

u64 answer(u64 rounds) {
    u64 primes = 0, boards = count_boards(), sum = 0;
    for (u64 n = 0; n < LIMIT; n++)
        primes += (u64)is_prime(n);
    for (u64 round = 1; round <= rounds; round++)
        sum = (sum * 31 + primes * round + boards) % MODULUS;
    return sum;
}
