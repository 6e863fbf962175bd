// Hardware that walks page tables once more in C: replay/hw/{first_level,second_level,walk_caches,sets,paging}.py.
#include "engine.h"

enum { LARGE_ENTRY = 1 | 1 << 7, LARGE_MASK = 1 | 3 << 7 };

struct first_level { u16 *slot; u32 *unit; u64 *stamp; u32 *home; u64 *ways; u32 *begin; u8 *segment; u64 entries, split, pages, units, data; };
struct second_level { u32 *tags, *home; u64 *ways; u8 *begins; u64 entries, pages, units; };
struct caches { u32 *tags, *home; u64 *ways; u32 *regions; u64 pages, entries; };
struct paging {
    struct first_level first; struct second_level second; struct caches caches;
    u8 *large; u32 *leaf, *space, *current; u64 tagged;
};

static inline int find_in(u32 *tags, u64 first, u64 ways, u64 key) {
    for (u64 way = 0; way < ways; way++)
        if (tags[first + way] == key) {
            for (u64 to = first + way; to > first; to--) tags[to] = tags[to - 1];
            tags[first] = key;
            return 1;
        }
    return 0;
}
static inline void push_in(u32 *tags, u64 first, u64 ways, u64 key) {
    if (ways == 0) return;
    for (u64 to = first + ways - 1; to > first; to--) tags[to] = tags[to - 1];
    tags[first] = key;
}
static inline void drop_in(u32 *tags, u64 first, u64 ways, u64 key) {
    if (!find_in(tags, first, ways, key)) return;
    for (u64 way = first; way < first + ways - 1; way++) tags[way] = tags[way + 1];
    tags[first + ways - 1] = 0;
}

// -- first level

static inline int first_hit(const struct first_level *t, const struct at *at, u8 kind, u32 page) {
    u64 slot = t->slot[at->lane + at->lane + page + (kind != FETCH ? t->data : 0)];
    t->stamp[slot] = at->now;
    return slot != 0;
}
static void empty_entry(const struct first_level *t, u64 lane, u64 slot) {
    u64 unit = t->unit[slot];
    if (unit < t->pages) t->slot[lane + unit] = 0;
    else for (u64 p = t->begin[unit - t->pages]; p < t->begin[unit - t->pages + 1]; p++) t->slot[lane + p] = 0;
    t->unit[slot] = 0;
    t->stamp[slot] = 0;
}
static void first_fill(const struct first_level *t, const struct at *at, u64 data, u64 page, u64 unit) {
    u64 first = 1 + at->vcpu * t->entries + t->home[data * t->units + unit], large = unit >= t->pages, slot = first;
    for (u64 s = first; s < first + t->ways[2 * data + large]; s++)
        if (t->stamp[s] < t->stamp[slot]) slot = s;
    u64 lane = data * t->data + at->vcpu * t->pages;
    empty_entry(t, lane, slot);
    if (!large) t->slot[lane + page] = slot;
    else
        for (u64 p = t->begin[unit - t->pages]; p < t->begin[unit - t->pages + 1]; p++) {
            u64 old = t->slot[lane + p];
            t->unit[old] = 0;
            t->stamp[old] = 0;
            if (t->segment[p] != DEVICE) t->slot[lane + p] = slot;
        }
    t->unit[slot] = unit;
    t->stamp[slot] = at->now | 1;
}
static void first_drop(const struct first_level *t, u64 vcpu, u64 page) {
    for (u64 side = 0; side < 2; side++) {
        u64 lane = side * t->data + vcpu * t->pages, slot = t->slot[lane + page];
        if (slot) empty_entry(t, lane, slot);
    }
}

// -- second level

static inline u64 way_of(const struct second_level *t, u64 vcpu, u64 data, u64 unit) { return vcpu * t->entries + t->home[data * t->units + unit]; }
static inline u64 ways_of(const struct second_level *t, u64 data, u64 unit) { return t->ways[2 * data + (unit >= t->pages)]; }
static void second_drop(const struct second_level *t, u64 vcpu, u64 unit) {
    for (u64 data = 0; data < 2; data++) drop_in(t->tags, way_of(t, vcpu, data, unit), ways_of(t, data, unit), unit);
}

// -- walk caches

static inline u64 key_of(const struct caches *c, u64 page, u64 level) { return c->regions[level * c->pages + page]; }
static inline int cache_find(const struct caches *c, u64 vcpu, u64 page, u64 level) {
    u64 key = key_of(c, page, level);
    return find_in(c->tags, vcpu * c->entries + c->home[key], c->ways[level], key);
}
static u64 cache_walk(const struct caches *c, u64 vcpu, u64 page, u64 large) {
    u64 found = large;
    while (found < 3 && !cache_find(c, vcpu, page, found)) found++;
    for (u64 level = found; level > large; level--) {
        u64 key = key_of(c, page, level - 1);
        push_in(c->tags, vcpu * c->entries + c->home[key], c->ways[level - 1], key);
    }
    return found + 1 - large;
}

// -- all together

static inline u64 unit_of(const struct paging *p, u64 page) { return p->large[p->leaf[page]] ? p->first.pages + p->leaf[page] : page; }
static int second_hit(const struct paging *p, const struct at *at, u64 data, u64 page) {
    u64 unit = unit_of(p, page);
    if (!find_in(p->second.tags, way_of(&p->second, at->vcpu, data, unit), ways_of(&p->second, data, unit), unit)) return 0;
    first_fill(&p->first, at, data, page, unit);
    return 1;
}
static void fill_both(const struct paging *p, const struct at *at, u64 data, u64 page) {
    u64 unit = unit_of(p, page);
    push_in(p->second.tags, way_of(&p->second, at->vcpu, data, unit), ways_of(&p->second, data, unit), unit);
    first_fill(&p->first, at, data, page, unit);
}
static void drop_both(const struct paging *p, u64 vcpu, u64 page) {
    first_drop(&p->first, vcpu, page);
    second_drop(&p->second, vcpu, page);
    second_drop(&p->second, vcpu, p->first.pages + p->leaf[page]);
}
static int faulted(const struct at *at) { return at->cut_off >= 4 && at->cut_off <= 8; }
static void drop_fault(const struct paging *p, const struct at *at, u64 page) {
    drop_both(p, at->vcpu, page);
    for (u64 level = 0; level < 3; level++) {
        u64 key = key_of(&p->caches, page, level);
        drop_in(p->caches.tags, at->vcpu * p->caches.entries + p->caches.home[key], p->caches.ways[level], key);
    }
}
static void flush_caches(const struct caches *c, u64 vcpu) {
    for (u64 k = 0; k < c->entries; k++) c->tags[vcpu * c->entries + k] = 0;
}
static void flush_if(const struct paging *p, u64 vcpu, u32 space, int kept) {
    const struct first_level *t = &p->first;
    const struct second_level *s = &p->second;
    for (u64 k = 0; k < t->entries; k++) {
        u64 slot = 1 + vcpu * t->entries + k, unit = t->unit[slot];
        if (unit && (p->space[unit] == space) != kept) empty_entry(t, (k >= t->split) * t->data + vcpu * t->pages, slot);
    }
    for (u64 k = 0, out = 0; k < s->entries; k++) {
        u64 entry = vcpu * s->entries + k, unit = s->tags[entry];
        if (s->begins[k]) out = entry;
        s->tags[entry] = 0;
        if (unit && (p->space[unit] == space) == kept) s->tags[out++] = unit;
    }
    flush_caches(&p->caches, vcpu);
}
static void flush_paging(const struct paging *p, u64 vcpu) { flush_if(p, vcpu, ~0u, 1); }
static void follow_paging(const struct paging *p, u64 vcpu, const struct row *row) {
    switch (row->kind) {
    case ENTRY:
        if (row->info >> 12 == 1 && row->page) p->large[p->leaf[row->page]] = (row->payload[1] & LARGE_MASK) == LARGE_ENTRY;
        break;
    case BASE_SWITCH:
        if (!p->tagged) flush_if(p, vcpu, 0, 1);
        else if (p->current[vcpu] == row->page) flush_if(p, vcpu, row->page, 0);
        p->current[vcpu] = row->page;
        break;
    case TLB_PROBE: drop_both(p, vcpu, row->page ^ 1);  // and the other half
    case INVALIDATE_PAGE:
        drop_both(p, vcpu, row->page);
        flush_caches(&p->caches, vcpu);
        break;
    case INVALIDATE_SPACE: flush_if(p, vcpu, row->page, 0); break;
    case INVALIDATE_ALL: flush_paging(p, vcpu); break;
    }
}
