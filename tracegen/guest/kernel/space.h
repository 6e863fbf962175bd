// An address space: its page tables, and the regions that say what a process may find where.
#pragma once
#include "lock.h"
#include "param.h"
#include "pte.h"

struct inode;
struct segment;

// Pages next to each other that come from the same place.
struct region {
    u64 from, to;            // addresses; empty where the heap is
    u64 low, high;           // what has entries lies between these
    u64 flags;               // MAP_READ and others, and REGION_ ones
    struct inode *file;      // whose pages are mapped where they lie in the buffer cache; 0 for none
    struct segment *segment; // memory that is shared without a file; 0 for none
    u64 offset;              // of `from` in either
    u64 bytes;               // from `from` on that are the file's; zeroes behind them
};

#define REGION_PROGRAM 0x100   // exec's: the file may not be written to
#define REGION_PROTECTED 0x200 // MAP_WRITE cannot be had

struct space {
    u64 id;               // never used again; 0 for none
    struct tables tables; // pte.h
    u64 heap_end;
    u64 threads;          // that run in it
    struct guard own;   // its guard, if locks are fine
    u64 count;
    struct region region[MAX_REGIONS]; // by address
};

extern struct space spaces[MAX_SPACES];

static inline struct guard *lock_of(struct space *space) {
    return locks_are_fine ? &space->own : &memlock;
}

// tables.c
int tables_create(struct space *space, u64 place);
void tables_destroy(struct space *space);
pte_t *table_create(struct space *space, u64 i);
void table_destroy(struct space *space, u64 i, int goes_on);
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

// region.c
struct region *region_at(struct space *space, u64 va);
struct region *region_within(struct space *space, u64 from, u64 to);
u64 region_place(struct space *space, u64 bytes);
struct region *region_add(struct space *space, const struct region *made);
int region_split(struct space *space, u64 at);
void region_take(struct space *space, struct region *region, struct region *taken);
void region_hold(const struct region *region);
void region_release(const struct region *region);

// segment.c
struct segment *segment_create(void);
void segment_hold(struct segment *segment);
void segment_release(struct segment *segment);
u64 segment_page(struct segment *segment, u64 offset);

// vm.c
pte_t *vm_next(struct space *space, u64 *va, u64 end);
void vm_unmap(struct space *space, const struct region *region, u64 from, u64 to);
void vm_abandon(struct space *space, const struct region *region);
void vm_harvest(struct space *space, const struct region *region, u64 from, u64 to);
