// An address space: its page tables and the ranges in which a process owns zeroed pages.
#pragma once
#include "pte.h"

struct space {
    u64 id;               // never used again; 0 for none
    struct tables tables; // pte.h
    u64 zeroed;           // demand-zero pages reach from here (bss) to `heap_end`, and from STACK_LOW to USER_TOP
    u64 heap_end;
    u64 stack_low;        // the lowest page of the stack that was touched
};

extern struct space *space_current; // whose entries the hardware uses; 0 for none

// The places in table `i` that may have entries.
struct places {
    u64 from, to;
};
struct places places_of(const struct space *space, u64 i);

// tables.c
int tables_create(struct space *space, u64 place);
void tables_destroy(struct space *space);
pte_t *table_create(struct space *space, u64 i);
void table_destroy(struct space *space, u64 i);
void entry_changed(const struct space *space, u64 va, const pte_t *entry);
void entry_added(const struct space *space, u64 va, const pte_t *entry);
