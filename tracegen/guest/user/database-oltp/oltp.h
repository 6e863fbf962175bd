// database-oltp: a bank.  Clients ask, a server answers by transactions on a B-tree, and a log keeps what was done.
#pragma once
#include "database.h"

// tree.c: values by key, in pages of a file
struct pair {
    u64 key, value;
};

struct tree {
    struct file file;
    u64 root, pages;
};

struct tree make_tree(const char *name);
u64 *look_up(const struct tree *tree, u64 key); // its value's place, in a fixed page; or 0
void put(struct tree *tree, u64 key, u64 value); // new, or in place of the old one
void take_out(struct tree *tree, u64 key);
// Up to `most` pairs from the first key on that is not below `key`.  How many there were.
u64 collect(const struct tree *tree, u64 key, struct pair *to, u64 most);

// What the tree holds, by the key's upper half.
enum kind_of_row { BRANCH = 1, TELLER, ACCOUNT, HISTORY };
static inline u64 key_of(enum kind_of_row kind, u64 number) {
    return (u64)kind << 48 | number;
}

// requests.c: what clients ask, by chance
enum transaction { DEPOSIT = 1, LOOKUP, RANGE, OPENING, KINDS_END, GOODBYE = KINDS_END };

struct request {
    u64 client, number; // of the client's requests
    u64 transaction;
    u64 account; // key
    u64 teller;
    i64 amount;
    u64 undo; // the client wants none of it in the end
    u64 unused;
};

static_assert(sizeof(struct request) == 64, "requests fill a pipe without a rest, so that none is torn");

#define MOST_CLIENTS 8
struct sizes {
    u64 accounts, clients, requests; // requests of each client
};

#define BRANCHES 8
#define TELLERS 80
#define RANGE_ROWS 20
#define FIRST_BALANCE 1000000

u64 account_key(u64 number);
struct request make_request(struct sizes sizes, u64 client, u64 number, u64 *random);
// Calls to(state, key, value) for each row that the bank begins with.
void first_rows(struct sizes sizes, void (*to)(void *state, u64 key, u64 value), void *state);

// log.c: what a transaction changed, from its first row to its end
#define ABSENT (~0UL)
enum ending { COMMITTED = 1, UNDONE };

struct change {
    u64 transaction, key, before, after; // key 0: the transaction's end, `after` says which
};

void open_log(void);
void log_change(struct change change);
void force_log(void);             // all that was logged is on the disk
void redo(struct hash *rows);     // what was committed, read from the file

// server.c
void load_bank(struct sizes sizes);
const struct tree *serve(struct sizes sizes, i64 requests, const i64 *replies);

// check.c
u64 differences(const struct tree *tree, struct sizes sizes, u64 *digest);
