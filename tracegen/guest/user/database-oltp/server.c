// The server: one transaction after the other, each under its mark.  When every client waits for an answer the log is
// forced, once for all of them, and the answers go out.
#include "oltp.h"

#define COMMIT KINDS_END // the mark of a forced log
#define MOST_CHANGES 8

MARKS("deposit", "lookup", "range", "opening", "commit");

static struct tree tree;
static u64 transactions;
static struct change mine[MOST_CHANGES]; // of the transaction that runs
static u64 changes;

static void load_row(void *, u64 key, u64 value) {
    put(&tree, key, value);
}

void load_bank(struct sizes sizes) {
    tree = make_tree("bank");
    open_log();
    first_rows(sizes, load_row, 0);
    flush_pool();
    sys_sync();
}

static u64 read_row(u64 key) {
    u64 *place = look_up(&tree, key), value = place ? *place : ABSENT;
    if (place)
        unfix((void *)((u64)place & ~(PAGE_BYTES - 1UL)));
    return value;
}

static void write_row(u64 key, u64 before, u64 after) {
    struct change change = {transactions, key, before, after};
    mine[changes++] = change;
    log_change(change);
    put(&tree, key, after);
}

static u64 add_to(u64 key, i64 amount) {
    u64 balance = read_row(key);
    write_row(key, balance, balance + (u64)amount);
    return balance + (u64)amount;
}

static u64 deposit(const struct request *request) {
    u64 balance = add_to(request->account, request->amount);
    add_to(key_of(TELLER, request->teller), request->amount);
    add_to(key_of(BRANCH, request->teller % BRANCHES), request->amount);
    write_row(key_of(HISTORY, request->client << 32 | request->number), ABSENT, (u64)request->amount);
    return balance;
}

static u64 sum_of_range(const struct request *request) {
    struct pair found[RANGE_ROWS];
    u64 count = collect(&tree, request->account, found, RANGE_ROWS), sum = 0;
    for (u64 i = 0; i < count; i++)
        sum += found[i].value;
    return sum;
}

// The latest change is undone first.
static void undo(void) {
    while (changes) {
        struct change change = mine[--changes];
        if (change.before == ABSENT)
            take_out(&tree, change.key);
        else
            put(&tree, change.key, change.before);
    }
}

static u64 run(const struct request *request) {
    u64 answer = 0;
    changes = 0;
    transactions++;
    REGION_BEGIN(request->transaction);
    if (request->transaction == DEPOSIT)
        answer = deposit(request);
    else if (request->transaction == LOOKUP)
        answer = read_row(request->account);
    else if (request->transaction == RANGE)
        answer = sum_of_range(request);
    else
        write_row(request->account, read_row(request->account), answer = (u64)request->amount);
    if (changes)
        log_change((struct change){transactions, 0, 0, request->undo ? UNDONE : COMMITTED});
    if (request->undo)
        undo();
    REGION_END(request->transaction);
    return answer;
}

const struct tree *serve(struct sizes sizes, i64 requests, const i64 *replies) {
    struct request request;
    u64 answer[MOST_CLIENTS], present = sizes.clients, waiting = 0;
    memset(answer, 0xff, sizeof answer); // ABSENT
    while (present) {
        if (sys_read(requests, &request, sizeof request) != sizeof request)
            stop("the clients are gone", EXIT_WRONG);
        present -= request.transaction == GOODBYE;
        if (request.transaction != GOODBYE) {
            answer[request.client] = run(&request);
            waiting++;
        }
        if (waiting < present)
            continue;
        REGION_BEGIN(COMMIT);
        force_log();
        REGION_END(COMMIT);
        for (u64 client = 0; client < sizes.clients; client++)
            if (answer[client] != ABSENT)
                write_all(replies[client], &answer[client], sizeof *answer);
        memset(answer, 0xff, sizeof answer);
        waiting = 0;
    }
    return &tree;
}
