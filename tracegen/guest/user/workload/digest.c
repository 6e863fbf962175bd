// A digest in which each value and its place count.
#include "workload.h"

u64 mix(u64 digest, u64 value) {
    digest = (digest << 5 | digest >> 59) ^ value;
    return digest * 0x100000001b3;
}
