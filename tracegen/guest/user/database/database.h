// What the databases share: pages of files in a pool of the program's own, and tables by hash.
#pragma once
#include "workload.h"

// pool.c: fixed pages stay where they are; of the others the one that a clock's hand finds unused is replaced, and
// written back first if it was changed.  A file grows page by page, when the one after its last is fixed.
struct file {
    i64 descriptor;
};

void open_pool(u64 frames, void (*before_write)(void)); // `before_write`, if any, is called before a page is written back
struct file new_file(const char *name);
void *fix(struct file file, u64 page);    // zeroes, where it is new
void changed(const void *page);           // a fixed one
void unfix(const void *page);
void flush_pool(void); // all that was changed is in the kernel's hands

// hash.c: numbers found by other numbers
struct entry {
    u64 key, value;
    u32 next; // of the chain: index + 1
};

struct hash {
    u32 *chain;
    struct entry *entry;
    u64 chains, used, room;
};

struct hash make_hash(u64 room);
void empty(struct hash *hash);
u64 *find(const struct hash *hash, u64 key); // its value's place, or 0
u64 *enter(struct hash *hash, u64 key);      // the same, with 0 where it was not there

// rows.c: rows of one size in the pages of a file, one after the other
struct table {
    struct file file;
    u64 rows, row_bytes;
};

void append(struct table *table, const void *row);

// A scan: `row` is each row in turn.
struct scan {
    const struct table *table;
    const u8 *page; // fixed
    u64 row;
};

struct scan scan(const struct table *table);
const void *next_row(struct scan *scan); // 0 after the last one

// rank.c: the best of many
#define TOP 10
struct best {
    u64 number, points;
};

void rank(struct best best[TOP], u64 number, u64 points); // puts it in its place, if it is among the best
