// What there is in the bank, and what clients want of it.
#include "oltp.h"

#define SPREAD 16 // keys from one account to the next; those between are for accounts that clients open

u64 account_key(u64 number) {
    return key_of(ACCOUNT, number * SPREAD);
}

// In 16: 8 deposits, 5 lookups, 2 ranges, 1 opening.
static u64 transaction_of(u64 lot) {
    return lot < 8 ? DEPOSIT : lot < 13 ? LOOKUP : lot < 15 ? RANGE : OPENING;
}

struct request make_request(struct sizes sizes, u64 client, u64 number, u64 *random) {
    struct request made = {client, number, transaction_of(below(random, 16)), 0, 0, 0, 0, 0};
    made.account = account_key(below(random, sizes.accounts));
    made.teller = below(random, TELLERS);
    made.amount = (i64)below(random, 2000) - 1000;
    made.undo = below(random, 16) == 0;
    if (made.transaction == OPENING) {
        made.account += 1 + client; // nobody else's
        made.amount += 1000;
    }
    return made;
}

void first_rows(struct sizes sizes, void (*to)(void *state, u64 key, u64 value), void *state) {
    for (u64 i = 0; i < BRANCHES; i++)
        to(state, key_of(BRANCH, i), FIRST_BALANCE);
    for (u64 i = 0; i < TELLERS; i++)
        to(state, key_of(TELLER, i), FIRST_BALANCE);
    for (u64 i = 0; i < sizes.accounts; i++)
        to(state, account_key(i), FIRST_BALANCE);
}
