// An address space: its page tables and the ranges in which a process owns zeroed pages.
#pragma once
#include "lock.h"
#include "pte.h"

struct space {
    u64 id;               // never used again; 0 for none
    struct tables tables; // pte.h
    u64 zeroed;           // demand-zero pages reach from here (bss) to `heap_end`, and from STACK_LOW to USER_TOP
    u64 heap_end;
    u64 stack_low;        // the lowest page of the stack that was touched
    u64 threads;          // that run in it
    struct monitor own;   // its monitor, if locks are fine
};

static inline struct monitor *lock_of(struct space *space) {
    return locks_are_fine ? &space->own : &memlock;
}

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
void entry_changed_here(struct space *space, u64 va, const pte_t *entry);
void entry_added(struct space *space, u64 va, const pte_t *entry);
void space_unname(struct space *space);
void space_forget(struct space *space, u64 va);

// shootdown.c
#define ALL_ENTRIES 1 // in place of a page's address
#define NO_SPACE 3    // the space is no more
void shootdown(struct space *space, u64 va);

// `*entry`, which maps `va`, was usable and has changed: no CPU goes on with what it was.
static inline void entry_changed(struct space *space, u64 va, const pte_t *entry) {
    entry_changed_here(space, va, entry);
    shootdown(space, va);
}
