// What the bank must hold in the end: found by doing the clients' requests once more, in any order, in a table by hash; and by
// redoing the log.
#include "oltp.h"

static void keep(void *rows, u64 key, u64 value) {
    *enter(rows, key) = value;
}

static void do_again(struct hash *rows, const struct request *request) {
    u64 amount = (u64)request->amount;
    if (request->undo)
        return;
    if (request->transaction == OPENING)
        *enter(rows, request->account) = amount;
    if (request->transaction != DEPOSIT)
        return;
    *enter(rows, request->account) += amount;
    *enter(rows, key_of(TELLER, request->teller)) += amount;
    *enter(rows, key_of(BRANCH, request->teller % BRANCHES)) += amount;
    *enter(rows, key_of(HISTORY, request->client << 32 | request->number)) = amount;
}

static void do_all_again(struct hash *rows, struct sizes sizes) {
    for (u64 client = 0; client < sizes.clients; client++) {
        u64 random = seeded(client);
        for (u64 number = 0; number < sizes.requests; number++) {
            struct request request = make_request(sizes, client, number, &random);
            do_again(rows, &request);
        }
    }
}

// Rows of the tree that are not these, rows that it lacks, and keys out of order.
static u64 wrong_rows(const struct tree *tree, const struct hash *rows, u64 *digest) {
    struct pair found[RANGE_ROWS];
    u64 wrong = 0, seen = 0, after = 0, count;
    while ((count = collect(tree, after, found, RANGE_ROWS))) {
        for (u64 i = 0; i < count; i++) {
            const u64 *value = find(rows, found[i].key);
            wrong += !value || *value != found[i].value || found[i].key < after;
            after = found[i].key + 1;
            *digest = mix(mix(*digest, found[i].key), found[i].value);
        }
        seen += count;
    }
    return wrong + (seen < rows->used ? rows->used - seen : seen - rows->used);
}

u64 differences(const struct tree *tree, struct sizes sizes, u64 *digest) {
    u64 room = BRANCHES + TELLERS + sizes.accounts + sizes.clients * sizes.requests, again = DIGEST;
    struct hash rows = make_hash(room);
    *digest = DIGEST;
    first_rows(sizes, keep, &rows);
    do_all_again(&rows, sizes);
    u64 wrong = wrong_rows(tree, &rows, digest);
    empty(&rows);
    first_rows(sizes, keep, &rows);
    redo(&rows);
    return wrong + wrong_rows(tree, &rows, &again);
}
