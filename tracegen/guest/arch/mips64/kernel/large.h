// Large pages on MIPS64: none.  The TLB of this machine maps pairs of 4 KiB.
#pragma once
#include "space.h"

static inline pte_t *large_at(const struct tables *, u64) {
    return 0;
}

static inline int large_map(struct space *, const struct region *, u64) {
    return 0;
}

static inline void large_split(struct space *, u64) {
}

static inline void large_unmap(struct space *, u64) {
}
