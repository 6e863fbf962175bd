// web WORKERS CLIENTS REQUESTS MADE: a server of so many processes; so many clients, each with so many requests, of which
// MADE in 100 are for pages that are made.
//
// The first machine serves, and each other one has the clients; one that is alone does both.
#include "web.h"

static u64 requests, made;

static void client(u64 index, struct outcome *outcome) {
    ask_web(1, sys_station(0) << 8 | index, requests, made, outcome);
}

static int run_clients(u64 clients) {
    struct outcome outcome[16];
    u64 digest = DIGEST, bytes = 0, wrong = 0;
    run_workers(clients, client, outcome);
    for (u64 i = 0; i < clients; i++) {
        digest = mix(digest, outcome[i].digest);
        bytes += outcome[i].work;
        wrong += outcome[i].wrong;
    }
    report("web: %d clients, %d bytes, digest %x, %d wrong\n", clients, bytes, digest, wrong);
    return wrong ? EXIT_WRONG : EXIT_OK;
}

int main(void) {
    u64 workers = number_argument(1), clients = number_argument(2), machines = sys_station(1), status;
    requests = number_argument(3), made = number_argument(4);
    if (sys_station(0) > 1)
        return run_clients(clients);
    i64 listener = listen_at(PORT, MTU, 2 * clients * machines), child = machines > 1 ? 0 : sys_fork();
    if (child == 0 && machines == 1)
        return run_clients(clients);
    int wrong = serve_web(listener, workers, clients * (machines > 1 ? machines - 1 : 1));
    for (i64 ended; (ended = sys_wait(&status)) >= 0;)
        wrong |= ended == child && status != EXIT_OK;
    return wrong;
}
