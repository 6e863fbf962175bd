// An address space: its page table and the ranges in which a process owns zeroed pages.
#pragma once
#include "kernel.h"

struct space {
    u64 id;         // never used again; 0 for none
    u64 asid;       // the TLB's name for it, while `generation` is the current one
    u64 generation;
    pte_t *root;    // entry of each table page
    u64 zeroed;     // demand-zero pages reach from here (bss) to `heap_end`, and from STACK_LOW to USER_TOP
    u64 heap_end;
    u64 stack_low;  // the lowest page of the stack that was touched
};

extern struct space *space_current; // whose entries the TLB gives out; 0 for none
extern pte_t absent_table[];        // what every table that does not exist is

// The first table page from number `i` on that exists; ROOT_ENTRIES for none.
u64 next_table(const struct space *space, u64 i);

// The places in table `i` that may have entries.
struct places {
    u64 from, to;
};
struct places places_of(const struct space *space, u64 i);
