// dbench CLIENTS REQUESTS: so many clients of a file server at once, each with requests in NetBench's mix on its files.
//
// What a client reads it knows, and in the end every block of the disk is as free as before.
#include "dbench.h"

enum { REQUEST = 1 };
MARKS("request");

#define MOST_CLIENTS 14

static u64 requests;

static const struct {
    void (*perform)(struct client *c);
    u64 weight;
} kinds[] = {
#define KIND(function, weight) {function, weight},
    REQUESTS(KIND)
#undef KIND
};

#define KINDS (sizeof kinds / sizeof *kinds)

static u64 all_weights(void) {
    u64 sum = 0;
    for (u64 i = 0; i < KINDS; i++)
        sum += kinds[i].weight;
    return sum;
}

static void request(struct client *c) {
    u64 at = below(&c->state, all_weights()), kind = 0;
    while (at >= kinds[kind].weight)
        at -= kinds[kind++].weight;
    REGION_BEGIN(REQUEST);
    kinds[kind].perform(c);
    REGION_END(REQUEST);
}

static void client(u64 index, struct outcome *outcome) {
    static struct client c;
    client_begin(&c, index);
    for (u64 i = 0; i < requests; i++)
        request(&c);
    client_end(&c);
    *outcome = (struct outcome){c.digest, requests, c.wrong};
}

int main(void) {
    u64 clients = number_argument(1), digest = DIGEST, wrong = 0;
    requests = number_argument(2);
    if (clients == 0 || clients > MOST_CLIENTS)
        stop("1 to 14 clients", STATUS_USAGE);
    struct outcome outcome[MOST_CLIENTS];
    u64 free = sys_freeblocks();
    run_workers(clients, client, outcome);
    for (u64 i = 0; i < clients; i++) {
        digest = mix(digest, outcome[i].digest);
        wrong += outcome[i].wrong;
    }
    wrong += sys_freeblocks() != free;
    report("dbench: %d clients, %d requests each, digest %x, %d wrong\n", clients, requests, digest, wrong);
    return wrong ? EXIT_WRONG : EXIT_OK;
}
