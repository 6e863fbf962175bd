// Keys as they are asked for: a few very often, most seldom (Zipf's law with exponent 1), scattered over the numbers.
#include "kv.h"

#define UNIT (1UL << 40) // weight of the most frequent key

static u64 *sums; // of the weights up to each key
static u64 count;

void zipf_make(u64 keys) {
    count = keys;
    sums = allocate(keys * sizeof *sums);
    u64 sum = 0;
    for (u64 k = 0; k < keys; k++)
        sums[k] = sum += UNIT / (k + 1);
}

u64 zipf(u64 *state) {
    u64 at = chance(state) % sums[count - 1], low = 0, high = count - 1;
    while (low < high) {
        u64 middle = (low + high) / 2;
        if (sums[middle] > at)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}
