// The queries, over the tables.  What a join looks up is put into a hash table first.
#include "dss.h"

static struct hash customers, orders, parts; // of the query that runs

void open_queries(struct sizes sizes) {
    customers = make_hash(sizes.customers);
    orders = make_hash(sizes.orders);
    parts = make_hash(sizes.parts);
}

// How much was shipped by a date, by flag and status.
static void summarize(const struct database *of, struct question question, struct answer *answer) {
    struct scan items = scan(&of->items);
    for (const struct item *item; (item = next_row(&items));)
        if (item->shipped <= question.date) {
            struct group *group = &answer->group[group_of(item)];
            group->items++;
            group->quantity += item->quantity;
            group->charged += charged(item);
        }
}

// What small discounts on small items cost in a year.
static void forecast(const struct database *of, struct question question, struct answer *answer) {
    struct scan items = scan(&of->items);
    for (const struct item *item; (item = next_row(&items));)
        if (forecast_counts(question, item))
            answer->forecast += (u64)item->cents * item->discount;
}

// Customers of a segment, their orders before a date, and of these the items that were shipped after it.
static void unshipped(const struct database *of, struct question question, struct answer *answer) {
    empty(&customers);
    empty(&orders);
    struct scan rows = scan(&of->customers);
    for (const struct customer *customer; (customer = next_row(&rows));)
        if (customer->segment == question.segment)
            enter(&customers, customer->key);
    rows = scan(&of->orders);
    for (const struct order *order; (order = next_row(&rows));)
        if (order->date < question.date && find(&customers, order->customer))
            enter(&orders, order->key);
    rows = scan(&of->items);
    for (const struct item *item; (item = next_row(&rows));) {
        u64 *revenue = item->shipped > question.date ? find(&orders, item->order) : 0;
        if (revenue)
            *revenue += charged(item);
    }
    for (u64 i = 0; i < orders.used; i++)
        rank(answer->best, orders.entry[i].key, orders.entry[i].value);
}

// Revenue of a year's orders by the customer's nation.
static void nations(const struct database *of, struct question question, struct answer *answer) {
    empty(&customers);
    empty(&orders);
    struct scan rows = scan(&of->customers);
    for (const struct customer *customer; (customer = next_row(&rows));)
        *enter(&customers, customer->key) = customer->nation;
    rows = scan(&of->orders);
    for (const struct order *order; (order = next_row(&rows));)
        if (order->date >= question.date && order->date < question.date + YEAR)
            *enter(&orders, order->key) = *find(&customers, order->customer);
    rows = scan(&of->items);
    for (const struct item *item; (item = next_row(&rows));) {
        const u64 *nation = find(&orders, item->order);
        if (nation)
            answer->nation[*nation] += charged(item);
    }
}

// Quantities shipped after a date by the part's brand.
static void brands(const struct database *of, struct question question, struct answer *answer) {
    empty(&parts);
    struct scan rows = scan(&of->parts);
    for (const struct part *part; (part = next_row(&rows));)
        *enter(&parts, part->key) = part->brand;
    rows = scan(&of->items);
    for (const struct item *item; (item = next_row(&rows));)
        if (item->shipped > question.date)
            answer->brand[*find(&parts, item->part)] += item->quantity;
}

void ask_tables(const struct database *database, struct question question, struct answer *answer) {
    REGION_BEGIN(SUMMARY);
    summarize(database, question, answer);
    REGION_END(SUMMARY);
    REGION_BEGIN(FORECAST);
    forecast(database, question, answer);
    REGION_END(FORECAST);
    REGION_BEGIN(UNSHIPPED);
    unshipped(database, question, answer);
    REGION_END(UNSHIPPED);
    REGION_BEGIN(NATION_REVENUE);
    nations(database, question, answer);
    REGION_END(NATION_REVENUE);
    REGION_BEGIN(BRAND_QUANTITY);
    brands(database, question, answer);
    REGION_END(BRAND_QUANTITY);
}
