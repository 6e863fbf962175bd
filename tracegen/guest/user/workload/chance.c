// Numbers by chance: xorshift64* (Vigna 2016, "An experimental exploration of Marsaglia's xorshift generators").
#include "workload.h"

u64 seeded(u64 seed) {
    return (seed + 1) * 0x9e3779b97f4a7c15;
}

u64 chance(u64 *state) {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1d;
}

u64 below(u64 *state, u64 limit) {
    return (chance(state) >> 32) * limit >> 32;
}
