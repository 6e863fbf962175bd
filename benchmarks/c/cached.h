// Caches, nodes and the guest's frames once more in C: replay/memory/cached.py, replay/hw/caches.py, replay/hw/front.py, replay/mmu/frames.py.  No page is moved: the policy is Still.

struct frames { u32 *page, *table, *root, *current; u8 *large; u32 *tables, *begin, *leaf; u64 *vpn; u32 *spaces; u64 memory, pages; };
struct first { u32 *tags; u8 *last; u32 *older; u64 *geometry, *begin_older, *shift, *paired, *more; };
struct second { u32 *tags; u64 shift, mask, ways, lines; };
struct caches { struct first first; struct second second; u32 *directory; u64 cpus; };
struct memory {
    i64 *counts; struct frames frames; struct caches caches; u8 *node, *home; u64 *turn; i64 *served;
    u64 first, bypass, nodes; i64 window; u64 windows, placed, spread, direct, monitor, room, shadow, *nested, still;
    u64 spaces;  // how many, which the array itself knows in Python
};

enum { L2_HIT = 1, TO_MEMORY = 2, UPGRADE = 4, DIRTY_ELSEWHERE = 8, WROTE_BACK = 16, LOST_SHIFT = 8 };
enum { SHARERS = 0xffff, ALONE = 1 << 16, DIRTY = 1 << 17, DIRTY_SHIFT = 17, NOWHERE = 255, ROOT = 3 };
#define OFFSET 4095

static int find_in(u32 *set, u64 ways, u32 tag) {
    for (u64 way = 0; way < ways; way++)
        if (set[way] == tag) {
            for (; way; way--) set[way] = set[way - 1];
            set[0] = tag;
            return 1;
        }
    return 0;
}
static void push_in(u32 *set, u64 ways, u32 tag) {
    for (u64 way = ways - 1; way; way--) set[way] = set[way - 1];
    set[0] = tag;
}
static void drop_in(u32 *set, u64 ways, u32 tag) {
    u64 way = 0;
    while (way < ways && set[way] != tag) way++;
    if (way == ways) return;
    for (; way + 1 < ways; way++) set[way] = set[way + 1];
    set[ways - 1] = 0;
}
// The first level of one side: its sets of two tags for all and two for stores, then older ways.
static const u64 *row_of(const struct caches *c, u64 cpu, u64 side) { return c->first.geometry + ((cpu << 4 | side) << 2); }  // of a kind of access; a side is one
static u64 set_of(const struct caches *c, u64 cpu, u64 side, u64 line) { return row_of(c, cpu, side)[0] + (line & row_of(c, cpu, side)[1]); }
static u32 *older_of(const struct caches *c, u64 cpu, u64 side, u64 line) {
    return c->first.older + c->first.begin_older[cpu + cpu + side] + (line & row_of(c, cpu, side)[1]) * c->first.more[side];
}
static void hold(const struct caches *c, u64 cpu, u64 side, u64 line, int owned) {
    u64 set = set_of(c, cpu, side, line), way = (c->first.last[set] ^ 1) & c->first.paired[side];
    u32 *tag = c->first.tags + (set << 2) + way;
    if (tag[0] && c->first.more[side]) push_in(older_of(c, cpu, side, line), c->first.more[side], tag[0]);
    tag[0] = line + 1;
    tag[2] = owned ? line + 1 : 0;
    c->first.last[set] = way;
}
static int find(const struct caches *c, u64 cpu, u64 side, u64 line, int owned) {
    u64 set = set_of(c, cpu, side, line);
    u32 *tags = c->first.tags + (set << 2);
    for (u64 way = 0; way < 2; way++)
        if (tags[way] == line + 1) {
            if (owned) tags[way + 2] = line + 1;
            c->first.last[set] = way;
            return 1;
        }
    if (c->first.more[side]) {
        u32 *older = older_of(c, cpu, side, line);
        if (find_in(older, c->first.more[side], line + 1)) {
            drop_in(older, c->first.more[side], line + 1);
            hold(c, cpu, side, line, owned);
            return 1;
        }
    }
    return 0;
}
static void drop_line(const struct caches *c, u64 cpu, u64 side, u64 line) {
    u64 set = set_of(c, cpu, side, line);
    u32 *tags = c->first.tags + (set << 2);
    for (u64 way = 0; way < 2; way++)
        if (tags[way] == line + 1) {
            tags[way] = tags[way + 2] = 0;
            c->first.last[set] = (way ^ 1) & c->first.paired[side];
        }
    if (c->first.more[side]) drop_in(older_of(c, cpu, side, line), c->first.more[side], line + 1);
}
static void disown_all(const struct caches *c, u32 held, u64 line) {
    u64 finer = c->second.shift - c->first.shift[1];
    for (u64 cpu = 0; cpu < c->cpus; cpu++)
        if (held >> cpu & 1)
            for (u64 small = line << finer; small < (line + 1) << finer; small++) {
                u32 *tags = c->first.tags + (set_of(c, cpu, 1, small) << 2);
                for (u64 way = 2; way < 4; way++) if (tags[way] == small + 1) tags[way] = 0;
            }
}
static u32 *set_below(const struct caches *c, u64 cpu, u64 line) {
    return c->second.tags + cpu * c->second.lines + (line & c->second.mask) * c->second.ways;
}
static void drop_all(const struct caches *c, u64 cpu, u64 line) {
    for (u64 side = 0; side < 2; side++) {
        u64 finer = c->second.shift - c->first.shift[side];
        for (u64 small = line << finer; small < (line + 1) << finer; small++)
            drop_line(c, cpu, side, small);
    }
}
static u64 invalidate(const struct caches *c, u64 sharers, u64 line) {
    u64 lost = 0;
    for (u64 cpu = 0; cpu < c->cpus; cpu++)
        if (sharers >> cpu & 1) {
            lost++;
            drop_in(set_below(c, cpu, line), c->second.ways, line + 1);
            drop_all(c, cpu, line);
        }
    return lost;
}
static u64 fill_below(const struct caches *c, u64 cpu, u64 line) {
    u32 *set = set_below(c, cpu, line);
    u64 victim = set[c->second.ways - 1], took = 0;
    if (victim--) {
        u32 held = c->directory[victim];
        drop_all(c, cpu, victim);
        c->directory[victim] = held & SHARERS & ~(1u << cpu);
        took = held & DIRTY ? WROTE_BACK : 0;
    }
    push_in(set, c->second.ways, line + 1);
    return took;
}
static u64 walk(const struct caches *c, u64 cpu, u64 address) {
    u64 line = address >> c->second.shift;
    if (find_in(set_below(c, cpu, line), c->second.ways, line + 1)) return L2_HIT;
    u32 held = c->directory[line], others = held & SHARERS;
    c->directory[line] = others | 1u << cpu | (others ? 0 : ALONE);
    if (held & DIRTY) disown_all(c, held, line);
    return TO_MEMORY | (held & DIRTY ? DIRTY_ELSEWHERE | WROTE_BACK : 0) | fill_below(c, cpu, line);
}
static u64 read_line(const struct caches *c, u64 cpu, u64 side, u64 address) {
    u64 line = address >> row_of(c, cpu, side)[2];
    if (find(c, cpu, side, line, 0)) return 0;
    u64 took = walk(c, cpu, address);
    hold(c, cpu, side, line, side && c->directory[address >> c->second.shift] & DIRTY);
    return took;
}
static u64 store_line(const struct caches *c, u64 cpu, u64 address) {
    u64 line = address >> c->second.shift, small = address >> row_of(c, cpu, 1)[2], took;
    u32 held = c->directory[line], mine = 1u << cpu;
    int near = find(c, cpu, 1, small, 1);
    if (near || find_in(set_below(c, cpu, line), c->second.ways, line + 1)) {
        u32 others = held & SHARERS & ~mine;
        took = near ? 0 : L2_HIT;
        took |= others ? UPGRADE | invalidate(c, others, line) << LOST_SHIFT : held & ALONE ? 0 : UPGRADE;
        c->directory[line] = mine | ALONE | DIRTY;
    } else {
        took = TO_MEMORY | invalidate(c, held & SHARERS, line) << LOST_SHIFT | (held & DIRTY ? DIRTY_ELSEWHERE : 0);
        c->directory[line] = mine | ALONE | DIRTY;
        took |= fill_below(c, cpu, line);
    }
    if (!near) hold(c, cpu, 1, small, 1);
    return took;
}

static u64 served(const struct memory *m, const struct at *at, u64 address) {
    u64 page = address >> 12, window = at->retired / m->window;
    if (m->home[page] == NOWHERE) {
        m->home[page] = m->spread ? m->turn[0] : m->node[at->vcpu];
        if (m->spread) m->turn[0] = (m->turn[0] + 1) % m->nodes;
    }
    if (window > m->windows - 1) window = m->windows - 1;
    m->served[(window * m->caches.cpus + at->vcpu) * m->nodes + m->home[page]]++;
    return m->home[page] != m->node[at->vcpu];
}
static void count_taken(const struct memory *m, const struct at *at, u64 took, u64 address) {
    i64 *counts = m->counts + at->base;
    if (took & L2_HIT) counts[C_l2_hit]++;
    if (took & (TO_MEMORY | UPGRADE)) {
        counts[(took & TO_MEMORY ? C_local_miss : C_local_upgrade) + served(m, at, address)]++;
        if (took & DIRTY_ELSEWHERE) counts[C_dirty_miss]++;
    }
    if (took & WROTE_BACK) counts[C_write_back]++;
    counts[C_line_lost] += took >> LOST_SHIFT;
}
static __attribute__((noinline)) void beyond(const struct memory *m, const struct at *at, u64 kind, u64 address) {
    u64 side = kind != FETCH, took = kind >= STORE1 ? store_line(&m->caches, at->vcpu, address) : read_line(&m->caches, at->vcpu, side, address);
    if (took) count_taken(m, at, took, address);
}
static inline void refer(const struct memory *m, const struct at *at, u8 kind, u32 page, u16 info) {
    u64 frame = m->frames.page[page];
    if (frame == m->bypass) return;
    u64 address = frame << 12 | info & OFFSET;
    const struct caches *c = &m->caches;
    const u64 *row = row_of(c, at->vcpu, kind);
    u64 line = address >> row[2], set = row[0] + (line & row[1]);
    const u32 *tags = c->first.tags + (set << 2) + row[3];
    u64 one = tags[0] ^ line + 1, other = tags[1] ^ line + 1;
    if (LIKELY(one * other == 0)) {
        c->first.last[set] = other == 0;
        return;
    }
    beyond(m, at, kind, address);
}

static void refer_handler(const struct memory *m, const struct at *at, u32 code, u64 lines, u32 page) {
    u64 frame = m->frames.page[code];
    if (code && frame != m->bypass)
        for (u64 line = 0; line < lines; line++)
            beyond(m, at, FETCH, frame << 12 | line << m->caches.first.shift[0] & OFFSET);
    if (!page) return;
    u64 table = m->frames.table[m->frames.tables[page]];
    u64 address = table << 12 | (m->frames.vpn[page] & 511) << 3;
    u64 took = read_line(&m->caches, at->vcpu, 1, address);
    i64 *counts = m->counts + at->base;
    counts[C_table_reference]++;
    if (took & L2_HIT) counts[C_table_l2_hit]++;
    if (took & TO_MEMORY) counts[C_table_local_miss + served(m, at, address)]++;
    if (took & WROTE_BACK) counts[C_write_back]++;
}

static u64 number_of_space(const struct memory *m, u64 space) {
    for (u64 k = 0; k < m->spaces; k++) if (m->frames.spaces[k] == space) return k;
    return m->spaces;
}
static void map_frame(const struct memory *m, u64 page, u64 entry) {
    u64 frame = entry >> 12;
    if (entry & 1 && frame < m->frames.memory && m->frames.page[page] != m->bypass) m->frames.page[page] = frame;
}
static void refer_event(const struct memory *m, const struct at *at, const struct row *row) {
    const struct frames *f = &m->frames;
    if (row->kind == TLB_WRITE) {
        map_frame(m, row->page, row->payload[0]);
        map_frame(m, row->page + 1, row->payload[1]);
    } else if (row->kind == TABLE_LINK) {
        if (row->info == ROOT) f->root[number_of_space(m, row->payload[1])] = row->page;
    } else if (row->kind == BASE_SWITCH) f->current[at->vcpu] = f->root[number_of_space(m, row->page)];
    else if (row->kind == ENTRY && row->page && row->info >> 12 < ROOT) {
        u64 level = row->info >> 12, entry = row->payload[1], frame = entry >> 12, region = f->leaf[row->page];
        if (row->payload[2] < f->memory) f->table[f->tables[level * f->pages + row->page]] = row->payload[2];
        if (level == 0 && entry & 1 && frame < f->memory) f->page[row->page] = frame;
    }
}
