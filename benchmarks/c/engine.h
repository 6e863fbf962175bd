// Rows, engine state and first-level TLB once more in C: replay/kernel.py and replay/hw/tlb.py.  Every field is 8 bytes wide, so that the structures can be filled from the engine's own arrays.
#include <stdint.h>

typedef uint8_t u8; typedef uint16_t u16; typedef uint32_t u32; typedef uint64_t u64; typedef int64_t i64;

enum { FETCH = 0, LOAD8 = 4, STORE1, STORE8 = 8, COMPLETED = 255, EXTRA = 16, ENTRY = 24, TABLE_LINK = 27, BASE_SWITCH = 31, TLB_WRITE = 32, TLB_PROBE, INVALIDATE_PAGE, INVALIDATE_SPACE, INVALIDATE_ALL,
       SENSITIVE = 40, EXCEPTION = 48, RETURN, SERVICE_ENTER, SERVICE_EXIT, REQUEST = 72, PORT = 75, DOORBELL, PACKET_SENT,
       PACKET_RECEIVED, IDLE, ZEROED = 88, FREED = 91, EVENT_FIRST = 16 };
enum { MAPPED, UNMAPPED, UNCACHED, DEVICE };
enum { KEPT, REPLACED, REPLACED_REFILL };
enum { REFILL = 1, NESTED_REFILL = 2, PENDING = 4, INVOCATIONS = 2, KERNEL_INSTRUCTIONS = 3, FIRST_ENTRY = 2, NOBODY = 255 };
#define NEVER ((i64)1 << 62)
#define LIKELY(condition) __builtin_expect(!!(condition), 1)

struct columns { const u8 *kind, *ctx; const u16 *info; const u32 *page; const u8 *n; };
struct tlb { u16 *slot; u32 *pair; u64 *stamp, *random, *order; u64 pairs, entries, wired, lru; };
struct at { u64 vcpu, lane, base, refill, now; u8 skip, recorded_refill, cut_off; i64 retired; const struct memory *memory; };
struct row { u8 kind; u16 info; u32 page; const u64 *payload; };
#ifdef CACHES
#include "cached.h"
#else
#include "flat.h"
#endif
struct engine {
    i64 *counts; u32 *place; u8 *skip, *on_kind, *on_cause, *on_sensitive, *site_class;
    u64 *payload; i64 *retired, *slice_end; u64 counters, places; u32 *refill; u64 pairs; struct memory memory;
};

static inline int hit(const struct tlb *t, const struct at *at, u64 pair) {
    u64 slot = t->slot[at->lane + pair];
    t->stamp[slot] = at->now;
    return slot != 0;
}
static u64 next_stamp(const struct tlb *t, const struct at *at) {
    return t->order[0] = t->order[0] < at->now ? at->now + 1 : t->order[0] + 1;
}
static int touch(const struct tlb *t, const struct at *at, u64 pair) {
    u64 slot = t->slot[at->lane + pair];
    t->stamp[slot] = next_stamp(t, at);
    return slot != 0;
}
static void empty(const struct tlb *t, u64 vcpu, u64 slot) {
    t->slot[vcpu * t->pairs + t->pair[slot]] = 0;
    t->pair[slot] = 0;
    t->stamp[slot] = 0;
}
static void drop(const struct tlb *t, u64 vcpu, u64 pair) {
    u64 slot = t->slot[vcpu * t->pairs + pair];
    if (slot >= FIRST_ENTRY) empty(t, vcpu, slot);
}
static u64 first_entry(const struct tlb *t, u64 vcpu) { return FIRST_ENTRY + vcpu * t->entries; }
static void fill(const struct tlb *t, const struct at *at, u64 slot, u64 pair) {
    drop(t, at->vcpu, pair);
    empty(t, at->vcpu, slot);
    t->slot[at->lane + pair] = slot;
    t->pair[slot] = pair;
    t->stamp[slot] = next_stamp(t, at);
}
static u64 victim(const struct tlb *t, u64 vcpu) {
    u64 first = first_entry(t, vcpu);
    if (t->lru) {
        u64 oldest = first + t->wired;
        for (u64 s = oldest; s < first + t->entries; s++)
            if (t->stamp[s] < t->stamp[oldest]) oldest = s;
        return oldest;
    }
    u64 x = t->random[vcpu];
    x ^= x << 13; x ^= x >> 7; x ^= x << 17;
    t->random[vcpu] = x;
    return first + t->wired + (x >> 32) % (t->entries - t->wired);
}
static void insert(const struct tlb *t, const struct at *at, u64 pair) { fill(t, at, victim(t, at->vcpu), pair); }
static void flush(const struct tlb *t, u64 vcpu) {
    for (u64 s = first_entry(t, vcpu); s < first_entry(t, vcpu) + t->entries; s++) empty(t, vcpu, s);
}
static void flush_space(const struct tlb *t, u64 vcpu, const u32 *space_of, u32 space) {
    for (u64 s = first_entry(t, vcpu); s < first_entry(t, vcpu) + t->entries; s++)
        if (t->pair[s] && space_of[(u64)t->pair[s] << 1] == space) empty(t, vcpu, s);
}
static int set_base(u32 *base, u64 vcpu, u32 space) {
    int again = base[vcpu] == space && space != 0;
    base[vcpu] = space;
    return again;
}
