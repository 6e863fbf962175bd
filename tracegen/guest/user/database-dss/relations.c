// The relations' rows: numbers by chance, from the row's own number.  Keys are spread, as TPC-D's are.
#include "dss.h"

#define CUSTOMER_SEED 1000000UL
#define PART_SEED 2000000UL
#define ORDER_SEED 3000000UL

struct sizes sizes_of(u64 orders) {
    return (struct sizes){orders / 10 + 1, orders * 2 / 15 + 1, orders};
}

static u32 key_of(u64 index) {
    return (u32)(index / 8 * 32 + index % 8);
}

struct customer make_customer(u64 index) {
    u64 random = seeded(CUSTOMER_SEED + index);
    u8 segment = (u8)below(&random, SEGMENTS);
    return (struct customer){key_of(index), segment, (u8)below(&random, NATIONS)};
}

struct part make_part(u64 index) {
    u64 random = seeded(PART_SEED + index);
    u8 brand = (u8)below(&random, BRANDS);
    return (struct part){key_of(index), brand, (u8)(1 + below(&random, 50))};
}

static void make_item(struct sizes sizes, u64 *random, const struct order *order, struct item *to) {
    to->order = order->key;
    to->part = key_of(below(random, sizes.parts));
    to->quantity = (u8)(1 + below(random, 50));
    to->cents = (u32)(to->quantity * (90000 + below(random, 110000)));
    to->discount = (u8)below(random, 11);
    to->shipped = (u16)(order->date + 1 + below(random, 121));
    to->flag = (u8)below(random, 3);
    to->status = (u8)below(random, 2);
}

void make_order(struct sizes sizes, u64 index, struct entries *to) {
    u64 random = seeded(ORDER_SEED + index);
    to->order.key = key_of(index);
    to->order.customer = key_of(below(&random, sizes.customers));
    to->order.date = (u16)below(&random, DAYS);
    to->items = 1 + below(&random, MOST_ITEMS);
    for (u64 i = 0; i < to->items; i++)
        make_item(sizes, &random, &to->order, &to->item[i]);
}

static struct table new_table(const char *name, u64 row_bytes) {
    return (struct table){new_file(name), 0, row_bytes};
}

void load(struct database *to, struct sizes sizes) {
    to->customers = new_table("customers", sizeof(struct customer));
    to->parts = new_table("parts", sizeof(struct part));
    to->orders = new_table("orders", sizeof(struct order));
    to->items = new_table("items", sizeof(struct item));
    for (u64 i = 0; i < sizes.customers; i++) {
        struct customer customer = make_customer(i);
        append(&to->customers, &customer);
    }
    for (u64 i = 0; i < sizes.parts; i++) {
        struct part part = make_part(i);
        append(&to->parts, &part);
    }
    struct entries entries;
    for (u64 i = 0; i < sizes.orders; i++) {
        make_order(sizes, i, &entries);
        append(&to->orders, &entries.order);
        for (u64 k = 0; k < entries.items; k++)
            append(&to->items, &entries.item[k]);
    }
    flush_pool();
}
