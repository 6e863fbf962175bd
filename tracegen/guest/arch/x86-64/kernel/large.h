// Large pages on x86-64: 2 MiB that an entry of level 1 maps.
#pragma once
#include "space.h"

int large_map(struct space *space, const struct region *region, u64 va);
void large_split(struct space *space, u64 va);
void large_unmap(struct space *space, u64 va);

// tables.c
void announce_table(u64 page, u64 space, u64 va, u64 level);
pte_t *entry_create(const struct space *space, u64 va, u64 level);
