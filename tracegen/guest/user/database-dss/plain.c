// The same answers without tables, pages or hashing: each row is made again, and counted where it belongs.
//
// Keys rise with the rows' numbers, so that a row is found by its number.
#include "dss.h"

static u64 index_of(u64 key) {
    return key / 32 * 8 + key % 8;
}

static void count_item(struct question question, const struct item *item, struct answer *answer) {
    struct group *group = &answer->group[group_of(item)];
    u64 before = item->shipped <= question.date;
    group->items += before;
    group->quantity += before * item->quantity;
    group->charged += before * charged(item);
    if (forecast_counts(question, item))
        answer->forecast += (u64)item->cents * item->discount;
    if (!before)
        answer->brand[make_part(index_of(item->part)).brand] += item->quantity;
}

void ask_plainly(struct sizes sizes, struct question question, struct answer *answer) {
    struct entries entries;
    for (u64 i = 0; i < sizes.orders; i++) {
        make_order(sizes, i, &entries);
        struct customer customer = make_customer(index_of(entries.order.customer));
        u64 all = 0, late = 0, date = entries.order.date;
        for (u64 k = 0; k < entries.items; k++) {
            const struct item *item = &entries.item[k];
            count_item(question, item, answer);
            all += charged(item);
            late += item->shipped > question.date ? charged(item) : 0;
        }
        if (date >= question.date && date < question.date + YEAR)
            answer->nation[customer.nation] += all;
        if (date < question.date && customer.segment == question.segment)
            rank(answer->best, entries.order.key, late);
    }
}
