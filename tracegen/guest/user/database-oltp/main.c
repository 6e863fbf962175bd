// database-oltp ACCOUNTS CLIENTS REQUESTS FRAMES: a bank of so many accounts; each client, a process, asks the server so many
// times; the server keeps so many pages in memory.
#include "oltp.h"

#define MOST_ACCOUNTS 60000  // whose tree is a file of the largest size, nearly
#define MOST_REQUESTS 20000 // in all, for the same reason: the log
#define LEAST_FRAMES 16

static void client(struct sizes sizes, u64 index, i64 requests, i64 replies) {
    u64 random = seeded(index), answer;
    for (u64 number = 0; number < sizes.requests; number++) {
        struct request request = make_request(sizes, index, number, &random);
        write_all(requests, &request, sizeof request);
        if (sys_read(replies, &answer, sizeof answer) != sizeof answer)
            stop("no answer", EXIT_WRONG);
    }
    struct request last = {index, sizes.requests, GOODBYE, 0, 0, 0, 0, 0};
    write_all(requests, &last, sizeof last);
    sys_exit(EXIT_OK);
}

static void make_pipe(i64 ends[2]) {
    if (sys_pipe(ends))
        stop("no pipe", STATUS_NO_MEMORY);
}

// A client with a pipe for its answers; where to write them.
static i64 start_client(struct sizes sizes, u64 index, const i64 requests[2]) {
    i64 replies[2];
    make_pipe(replies);
    i64 child = sys_fork();
    if (child < 0)
        stop("cannot fork", STATUS_NO_MEMORY);
    if (child == 0) {
        sys_close(requests[0]);
        sys_close(replies[1]);
        client(sizes, index, requests[1], replies[0]);
    }
    sys_close(replies[0]);
    return replies[1];
}

int main(void) {
    struct sizes sizes = {number_argument(1), number_argument(2), number_argument(3)};
    u64 frames = number_argument(4), digest;
    if (sizes.accounts == 0 || sizes.accounts > MOST_ACCOUNTS || sizes.clients == 0 || sizes.clients > MOST_CLIENTS ||
        sizes.requests > MOST_REQUESTS / sizes.clients || frames < LEAST_FRAMES)
        stop("1 to 60000 accounts, 1 to 8 clients, 20000 requests in all, and 16 pages at least", STATUS_USAGE);
    i64 requests[2], replies[MOST_CLIENTS];
    make_pipe(requests);
    for (u64 i = 0; i < sizes.clients; i++)
        replies[i] = start_client(sizes, i, requests);
    sys_close(requests[1]);
    open_pool(frames, force_log);
    load_bank(sizes);
    const struct tree *tree = serve(sizes, requests[0], replies);
    u64 wrong = 0, status;
    for (u64 i = 0; i < sizes.clients; i++)
        wrong += sys_wait(&status) < 0 || status != EXIT_OK;
    wrong += differences(tree, sizes, &digest);
    report("database-oltp: %d clients, %d requests, digest %x, %d wrong\n", sizes.clients, sizes.clients * sizes.requests,
           digest, wrong);
    return wrong ? EXIT_WRONG : EXIT_OK;
}
