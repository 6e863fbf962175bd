// models/ept.py and replay/mmu/{nested,frames}.py once more in C.
#include "paging.h"

enum { ROOT = 3 };

struct frames { u32 *page, *table, *root, *current; u8 *large; u32 *tables, *begin, *leaf; u64 *vpn; u32 *spaces; u64 memory, pages; };
struct sets { u32 *tags, *home; u64 entries, ways; };
struct state {
    i64 *counts; struct paging paging; struct frames frames; struct sets tlb; struct caches host; u8 *mapped;
    u64 large, shift, tagged; u8 *site_tick, *exits; u64 spaces;
};

#define TICK(counter) m->counts[at->base + counter]++

static void leave(const struct state *m, const struct at *at) {
    if (!m->tagged) flush_paging(&m->paging, at->vcpu);
}

static void walk(const struct state *m, const struct at *at, u64 page) {
    const struct frames *f = &m->frames;
    u64 large = f->large[f->leaf[page]], references = cache_walk(&m->paging.caches, at->vcpu, page, large);
    u64 first = references + large - 1, steps = references + (at->cut_off != 4 && at->cut_off != 5), violations = 0;
    TICK(C_page_walk);
    m->counts[at->base + C_walk_reference] += references;
    for (u64 step = first == ROOT ? 0 : 1; step < steps; step++) {
        u64 level = first - step;
        u64 frame = step == references ? f->page[page] : level == ROOT ? f->current[at->vcpu] : f->table[f->tables[level * f->pages + page]];
        u64 key = (frame >> m->shift) + 1, set = at->vcpu * m->tlb.entries + m->tlb.home[key];
        if (find_in(m->tlb.tags, set, m->tlb.ways, key)) { TICK(C_nested_tlb_hit); continue; }
        violations += m->mapped[key - 1] == 0;
        m->mapped[key - 1] = 1;
        push_in(m->tlb.tags, set, m->tlb.ways, key);
        m->counts[at->base + C_nested_walk_reference] += cache_walk(&m->host, at->vcpu, frame, m->large);
    }
    if (violations) {
        m->counts[at->base + C_ept_violation] += violations;
        leave(m, at);
    }
}

static inline void access_page(const struct state *m, const struct at *at, u8 kind, u32 page) {
    if (faulted(at)) {
        walk(m, at, page);
        drop_fault(&m->paging, at, page);
    } else if (!first_hit(&m->paging.first, at, kind, page)) {
        if (m->paging.first.segment[page] == DEVICE) { TICK(C_mmio_exit); leave(m, at); }
        else if (second_hit(&m->paging, at, kind != FETCH, page)) TICK(C_stlb_hit);
        else {
            walk(m, at, page);
            fill_both(&m->paging, at, kind != FETCH, page);
        }
    }
}

static u64 number(const struct state *m, u64 space) {
    for (u64 k = 0; k < m->spaces; k++) if (m->frames.spaces[k] == space) return k;
    return m->spaces;
}

static void note(const struct state *m, const struct row *row) {
    const struct frames *f = &m->frames;
    u64 page = row->page, level = row->info >> 12, new = row->payload[1], frame = new >> 12;
    if (page == 0) return;
    u64 region = f->leaf[page];
    if (level < ROOT) {
        if (row->payload[2] < f->memory) f->table[f->tables[level * f->pages + page]] = row->payload[2];
        if (level == 0 && new & 1 && frame < f->memory) f->page[page] = frame;
        if (level == 1) {
            f->large[region] = (new & LARGE_MASK) == LARGE_ENTRY;
            if (f->large[region] && frame + 511 < f->memory)
                for (u64 p = f->begin[region]; p < f->begin[region + 1]; p++) f->page[p] = frame + (f->vpn[p] & 511);
        }
    }
    m->paging.large[region] = m->large && f->large[region];
}

static void event(const struct state *m, const struct at *at, const struct row *row) {
    switch (row->kind) {
    case SENSITIVE:
        TICK(m->site_tick[row->page]);
        if (m->exits[row->page]) leave(m, at);
        break;
    case EXCEPTION: if ((row->info & 31) == 0) leave(m, at); break;
    case IDLE: m->counts[at->base + C_idle] += row->page; break;
    case ENTRY: note(m, row); break;
    case TABLE_LINK: if (row->info == ROOT) m->frames.root[number(m, row->payload[1])] = row->page; break;
    case BASE_SWITCH: m->frames.current[at->vcpu] = m->frames.root[number(m, row->page)];  // and the TLB follows
    default: follow_paging(&m->paging, at->vcpu, row);
    }
}

static i64 slice_ended(const struct state *m, const struct at *at) { return NEVER; }

#include "kernel.h"
