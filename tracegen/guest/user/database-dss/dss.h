// database-dss: relations after TPC-D's, queries that scan, join and aggregate them.
#pragma once
#include "database.h"

#define MOST_ITEMS 7 // of an order
#define DAYS 2406    // that orders span
#define SEGMENTS 5
#define NATIONS 25
#define BRANDS 25
#define GROUPS 6 // return flag and status of an item

struct customer {
    u32 key;
    u8 segment, nation;
};

struct part {
    u32 key;
    u8 brand, size;
};

struct order {
    u32 key, customer;
    u16 date;
};

struct item {
    u32 order, part, cents; // of money
    u16 shipped;            // a date
    u8 quantity, discount, flag, status;
};

// What one order brings.
struct entries {
    struct order order;
    u64 items;
    struct item item[MOST_ITEMS];
};

struct sizes {
    u64 customers, parts, orders;
};

// relations.c: rows by number, each made from its number alone
struct sizes sizes_of(u64 orders);
struct customer make_customer(u64 index);
struct part make_part(u64 index);
void make_order(struct sizes sizes, u64 index, struct entries *to);

struct database {
    struct table customers, parts, orders, items;
};

void load(struct database *to, struct sizes sizes);

// What a round of queries asks, and what it finds.
struct question {
    u64 date, segment, discount;
};

struct group {
    u64 items, quantity, charged;
};

struct answer {
    struct group group[GROUPS]; // of items shipped by a date
    u64 forecast;               // what discounts of a year cost
    struct best best[TOP];      // orders of a segment that were not shipped by a date, by revenue
    u64 nation[NATIONS];        // revenue of a year's orders
    u64 brand[BRANDS];          // quantities shipped after a date
};

struct question question_of(u64 round);

// queries.c: by hash joins over the tables, each under its mark
enum mark { SUMMARY = 1, FORECAST, UNSHIPPED, NATION_REVENUE, BRAND_QUANTITY, WARM }; // the last: the second round and all after it
void open_queries(struct sizes sizes);
void ask_tables(const struct database *database, struct question question, struct answer *answer);

// plain.c: the same without tables
void ask_plainly(struct sizes sizes, struct question question, struct answer *answer);

// How a row counts, for whoever asks.
#define YEAR 365
static inline u64 charged(const struct item *item) {
    return (u64)item->cents * (100 - item->discount);
}

static inline u64 group_of(const struct item *item) {
    return item->flag * 2UL + item->status;
}

static inline int forecast_counts(struct question question, const struct item *item) {
    return item->shipped >= question.date && item->shipped < question.date + YEAR && item->quantity < 24 &&
           item->discount >= question.discount - 1 && item->discount <= question.discount + 1;
}
