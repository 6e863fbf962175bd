// database-dss ORDERS ROUNDS FRAMES: a decision-support database of so many orders, loaded into files and queried so many
// times through a pool of so many pages.
#include "dss.h"

#define MOST_ORDERS 40000 // whose items are a file of the largest size, nearly
#define LEAST_FRAMES 8

MARKS("summary", "forecast", "unshipped", "nations", "brands", "warm");

struct question question_of(u64 round) {
    u64 random = seeded(round);
    u64 date = 600 + below(&random, DAYS - 1200), segment = below(&random, SEGMENTS);
    return (struct question){date, segment, 2 + below(&random, 8)};
}

int main(void) {
    struct sizes sizes = sizes_of(number_argument(1));
    u64 rounds = number_argument(2), frames = number_argument(3), digest = DIGEST, wrong = 0;
    if (sizes.orders == 0 || sizes.orders > MOST_ORDERS || frames < LEAST_FRAMES)
        stop("from 1 to 40000 orders, and 8 pages at least", STATUS_USAGE);
    open_pool(frames, 0);
    struct database *database = allocate(sizeof *database);
    load(database, sizes);
    open_queries(sizes);
    u64 *found = allocate(sizeof(struct answer)), *right = allocate(sizeof(struct answer));
    for (u64 round = 0; round < rounds; round++) {
        if (round == 1) { // nothing of the loading is left to do
            sys_sync();
            REGION_BEGIN(WARM);
        }
        memset(found, 0, sizeof(struct answer));
        memset(right, 0, sizeof(struct answer));
        ask_tables(database, question_of(round), (struct answer *)found);
        ask_plainly(sizes, question_of(round), (struct answer *)right);
        for (u64 i = 0; i < sizeof(struct answer) / sizeof *found; i++) {
            digest = mix(digest, found[i]);
            wrong += found[i] != right[i];
        }
    }
    if (rounds > 1)
        REGION_END(WARM);
    report("database-dss: %d orders, %d items, %d rounds, digest %x, %d wrong\n", sizes.orders, database->items.rows, rounds,
           digest, wrong);
    return wrong ? EXIT_WRONG : EXIT_OK;
}
