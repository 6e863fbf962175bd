// models/shadow.py and replay/mmu/{shadow,shadow_sync,guest_tables}.py once more in C.
#include "paging.h"

enum { TABLE_FREE = 26, SPACE_DESTROY = 30, LEVELS = 4 };
enum { PRESENT = 1, WRITE = 2, OLD = 4 };
enum { VALID = 1, ACCESSED = 2, DIRTY = 4, KNOWN = 8 };
enum { FREE_TABLE, TRACED, UNSYNCHRONIZED };
enum { REFERENCED = 1 << 4, DIRTIED = 1 << 5 | 1 << 1 };  // of an entry in the trace

struct guest {
    u8 *entry, *large; u64 *vpn; u32 *leaf, *middle, *upper, *begin_leaf, *begin_middle, *begin_upper, *spaces, *begin_space;
    u8 *state; u32 *stores, *owner, *unsynchronized, *table_of; u64 middle_at, upper_at, root_at;
};
struct state {
    i64 *counts; i64 *same; u64 first; struct paging paging; struct guest guest;
    u8 *entry; u64 *stamp, *kept; u32 *current; u8 *revoked; u64 threshold, room, prefetch, flush_on_entry, level;
    u8 *site_tick, *exits; u64 spaces, vcpus, frames;
};

#define TICK(counter) m->counts[at->base + counter]++

static void enter(const struct state *m, u64 vcpu) {
    if (m->flush_on_entry) flush_paging(&m->paging, vcpu);
}
static void drop_page(const struct state *m, u64 vcpu, u64 page) {
    drop_both(&m->paging, vcpu, page);
    flush_caches(&m->paging.caches, vcpu);
}
static void drop_translation(const struct state *m, u64 page) {
    for (u64 vcpu = 0; vcpu < m->vcpus; vcpu++) drop_page(m, vcpu, page);
}
static void walk(const struct state *m, const struct at *at, u64 page) {
    const struct paging *p = &m->paging;
    TICK(C_page_walk);
    m->counts[at->base + C_walk_reference] += cache_walk(&p->caches, at->vcpu, page, p->large[p->leaf[page]]);
}
static void walk_guest(const struct state *m, const struct at *at, u64 page) {
    m->counts[at->base + C_guest_walk_reference] += LEVELS - m->guest.large[m->guest.leaf[page]];
}
static void fill_entry(const struct state *m, u64 page) { m->entry[page] = m->guest.entry[page] & DIRTY ? PRESENT | WRITE : PRESENT; }

// -- the guest's tables

static u64 number(const struct state *m, u64 space) {
    for (u64 k = 0; k < m->spaces; k++) if (m->guest.spaces[k] == space) return k;
    return m->spaces;
}
static int is_leaf(const struct guest *g, u64 table) { return table && table < g->middle_at; }
static u64 table_of(const struct state *m, const struct row *row) {
    const struct guest *g = &m->guest;
    u64 page = row->page, level = row->info >> 12, frame = row->payload[2], table;
    if (page == 0 || level >= 3) return frame < m->frames ? g->table_of[frame] : 0;
    table = level == 0 ? g->leaf[page] : level == 1 ? g->middle_at + g->middle[page] : g->upper_at + g->upper[page];
    if (frame < m->frames) g->table_of[frame] = table;
    return table;
}
static u8 bits(u64 entry) { return KNOWN | (entry & 1 ? VALID : 0) | (entry & REFERENCED ? ACCESSED : 0) | ((entry & DIRTIED) == DIRTIED ? DIRTY : 0); }
static void note(const struct guest *g, const struct row *row) {
    u64 page = row->page, level = row->info >> 12, new = row->payload[1], leaf = g->leaf[page];
    if (page == 0) return;
    if (level == 0) g->entry[page] = bits(new);
    if (level == 1) {
        int now = (new & LARGE_MASK) == LARGE_ENTRY;
        if (now || g->large[leaf])
            for (u64 p = g->begin_leaf[leaf]; p < g->begin_leaf[leaf + 1]; p++) g->entry[p] = now ? bits(new) : KNOWN;
        g->large[leaf] = now;
    }
}
static int changed(const struct row *row) { return row->payload[0] & 1 && row->payload[0] != row->payload[1]; }
static void watch(const struct guest *g, u64 table) { if (g->state[table] == FREE_TABLE) g->state[table] = TRACED; }
static void settle_table(const struct guest *g, u64 table, u8 state) {
    u32 *list = g->unsynchronized;
    if (g->state[table] == UNSYNCHRONIZED) {
        for (u64 k = 1; k <= list[0]; k++) if (list[k] == table) list[k] = list[list[0]];
        list[0]--;
    }
    g->state[table] = state;
    g->stores[table] = 0;
}
static void range_below(const struct guest *g, u64 page, u64 level, u64 *first, u64 *end) {
    const u32 *begin = level == 1 ? g->begin_leaf : level == 2 ? g->begin_middle : level == 3 ? g->begin_upper : g->begin_space;
    u64 region = level == 1 ? g->leaf[page] : level == 2 ? g->middle[page] : level == 3 ? g->upper[page] : g->owner[g->leaf[page]];
    *first = begin[region];
    *end = begin[region + 1];
}
static void forget_path(const struct guest *g, u64 page, u64 level) {
    settle_table(g, g->leaf[page], FREE_TABLE);
    if (level > 1) settle_table(g, g->middle_at + g->middle[page], FREE_TABLE);
    if (level > 2) settle_table(g, g->upper_at + g->upper[page], FREE_TABLE);
}

// -- references

static void serve_hidden(const struct state *m, const struct at *at, u64 page, int store) {
    const struct guest *g = &m->guest;
    if ((m->entry[page] & (PRESENT | OLD)) == PRESENT) TICK(C_dirty_fault);
    else TICK(C_hidden_fault);
    enter(m, at->vcpu);
    walk_guest(m, at, page);
    g->entry[page] |= VALID | ACCESSED | (store ? DIRTY : 0);
    fill_entry(m, page);
    drop_translation(m, page);
    if (!g->large[g->leaf[page]]) { watch(g, g->leaf[page]); g->stores[g->leaf[page]] = 0; }
    watch(g, g->middle_at + g->middle[page]);
    watch(g, g->upper_at + g->upper[page]);
    watch(g, g->root_at + m->current[at->vcpu]);
    for (u64 p = page + 1; p < g->begin_leaf[g->leaf[page] + 1] && g->vpn[p] <= g->vpn[page] + m->prefetch; p++)
        if (m->entry[p] == 0 && (g->entry[p] & (VALID | ACCESSED | KNOWN)) == (VALID | ACCESSED | KNOWN)) {
            TICK(C_shadow_prefetch);
            fill_entry(m, p);
        }
}
static void follow(const struct state *m, const struct at *at, u64 page) {
    if ((m->guest.entry[page] & (VALID | ACCESSED)) == (VALID | ACCESSED)) {
        TICK(C_shadow_update);
        fill_entry(m, page);
    } else m->entry[page] = 0;
    drop_translation(m, page);
}
static void miss(const struct state *m, const struct at *at, u8 kind, u64 page) {
    int store = kind >= STORE1, need = store ? PRESENT | WRITE : PRESENT;
    if ((m->entry[page] & need) == need) {
        if (second_hit(&m->paging, at, kind != FETCH, page)) { TICK(C_stlb_hit); return; }
    } else {
        if (m->entry[page] == 0) walk(m, at, page);
        serve_hidden(m, at, page, store);
    }
    walk(m, at, page);
    fill_both(&m->paging, at, kind != FETCH, page);
}
static void fault(const struct state *m, const struct at *at, u64 page) {
    walk(m, at, page);
    enter(m, at->vcpu);
    walk_guest(m, at, page);
    if (m->entry[page] & OLD) {
        TICK(C_entry_compared);
        follow(m, at, page);
    }
    drop_fault(&m->paging, at, page);
}
static inline void access_page(const struct state *m, const struct at *at, u8 kind, u32 page) {
    if (faulted(at)) fault(m, at, page);
    else if (!first_hit(&m->paging.first, at, kind, page) || (kind >= STORE1 && !(m->entry[page] & WRITE))) {
        if (m->paging.first.segment[page] == DEVICE) { TICK(C_mmio_exit); enter(m, at->vcpu); }
        else miss(m, at, kind, page);
    }
}

// -- what the guest does to its tables

static void drop_entry(const struct state *m, u64 page) {
    if (m->entry[page] == 0) return;
    m->entry[page] = 0;
    drop_translation(m, page);
}
static void store(const struct state *m, const struct at *at, const struct row *row) {
    const struct guest *g = &m->guest;
    u64 page = row->page, level = row->info >> 12, table = table_of(m, row), first, end;
    note(g, row);
    if (level == 0 && changed(row)) m->revoked[at->vcpu] = 1;
    if (g->state[table] == TRACED) {
        enter(m, at->vcpu);
        g->stores[table]++;
        if (is_leaf(g, table) && g->stores[table] >= m->threshold) {
            TICK(C_unsync_store);
            g->state[table] = UNSYNCHRONIZED;
            g->unsynchronized[++g->unsynchronized[0]] = table;
        } else {
            TICK(C_traced_store);
            if (level == 0 && page) follow(m, at, page);
            else if (level && changed(row)) {
                range_below(g, page, level, &first, &end);
                for (u64 p = first; p < end; p++) drop_entry(m, p);
                for (u64 p = first; p < end; p++) forget_path(g, p, level);
            }
        }
    }
    if (g->state[table] == UNSYNCHRONIZED && m->entry[page]) m->entry[page] |= OLD;
}
static void synchronize(const struct state *m, const struct at *at, u64 space) {
    const struct guest *g = &m->guest;
    for (u64 k = g->unsynchronized[0]; k > 0; k--) {
        u64 table = g->unsynchronized[k];
        if (g->owner[table] != space && g->owner[table] != 0) continue;
        m->counts[at->base + C_entry_compared] += 512;
        for (u64 p = g->begin_leaf[table]; p < g->begin_leaf[table + 1]; p++) if (m->entry[p] & OLD) follow(m, at, p);
        settle_table(g, table, TRACED);
    }
}
static void forget_space(const struct state *m, u64 space) {
    const struct guest *g = &m->guest;
    m->stamp[space] = 0;
    m->kept[0]--;
    for (u64 p = g->begin_space[space]; p < g->begin_space[space + 1]; p++) drop_entry(m, p);
    for (u64 p = g->begin_space[space]; p < g->begin_space[space + 1]; p++) forget_path(g, p, LEVELS - 1);
    settle_table(g, g->root_at + space, FREE_TABLE);
}
static void switch_base(const struct state *m, const struct at *at, const struct row *row) {
    u64 space = m->current[at->vcpu] = number(m, row->page), oldest = 0;
    if (space && m->stamp[space] == 0) {
        if (m->kept[0] == m->room) {
            for (u64 k = 1; k <= m->spaces; k++) if (m->stamp[k] && (!oldest || m->stamp[k] < m->stamp[oldest])) oldest = k;
            TICK(C_space_discarded);
            forget_space(m, oldest);
        }
        m->kept[0]++;
    }
    if (space) m->stamp[space] = at->now + 1;
    synchronize(m, at, space);
    follow_paging(&m->paging, at->vcpu, row);
}
static void forget_table(const struct state *m, u64 frame) {
    const struct guest *g = &m->guest;
    u64 table = frame < m->frames ? g->table_of[frame] : 0;
    if (is_leaf(g, table) && !g->large[table])
        for (u64 p = g->begin_leaf[table]; p < g->begin_leaf[table + 1]; p++) { drop_entry(m, p); g->entry[p] = KNOWN; }
    settle_table(g, table, FREE_TABLE);
}
static void invalidate(const struct state *m, const struct at *at, u64 page) {
    if (m->guest.state[m->guest.leaf[page]] == UNSYNCHRONIZED) {
        TICK(C_entry_compared);
        if (m->entry[page] & OLD) follow(m, at, page);
    }
    drop_page(m, at->vcpu, page);
}

static void event(const struct state *m, const struct at *at, const struct row *row) {
    u64 space;
    switch (row->kind) {
    case SENSITIVE:
        TICK(m->site_tick[row->page]);
        if (m->exits[row->page]) enter(m, at->vcpu);
        break;
    case EXCEPTION: if ((row->info & 31) == 0) enter(m, at->vcpu); break;
    case TLB_PROBE:
        if (m->revoked[at->vcpu]) {
            m->revoked[at->vcpu] = 0;
            TICK(C_invlpg_exit);
            enter(m, at->vcpu);
            invalidate(m, at, row->page);
            invalidate(m, at, row->page ^ 1);
        }
        break;
    case IDLE: m->counts[at->base + C_idle] += row->page; break;
    case ENTRY: store(m, at, row); break;
    case BASE_SWITCH: enter(m, at->vcpu); switch_base(m, at, row); break;
    case INVALIDATE_PAGE: invalidate(m, at, row->page); break;
    case INVALIDATE_SPACE: synchronize(m, at, number(m, row->page)); flush_if(&m->paging, at->vcpu, row->page, 0); break;
    case INVALIDATE_ALL: synchronize(m, at, m->current[at->vcpu]); flush_paging(&m->paging, at->vcpu); break;
    case TABLE_LINK: if (row->info == LEVELS - 1 && row->page < m->frames) m->guest.table_of[row->page] = m->guest.root_at + number(m, row->payload[1]); break;
    case TABLE_FREE: forget_table(m, row->page); break;
    case SPACE_DESTROY: if (m->stamp[space = number(m, row->page)]) forget_space(m, space); break;
    }
}

static i64 slice_ended(const struct state *m, const struct at *at) { return NEVER; }

#include "kernel.h"
