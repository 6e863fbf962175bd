// models/disco.py once more in C.
#include "engine.h"

struct l2tlb { u32 *tags, *home; u64 entries, ways; };
struct pmap { u32 *machine, *backmaps, *mapped, *entry; u64 *vpn; u32 *leaf, *allocated; };
struct drivers { i64 *counts; u64 first; u8 *own; u64 counters, special; };
// One VM shares nothing.
struct sharing { i64 *counts; u64 first; u32 *group; u8 *holds; u32 *members, *page, *vm; u64 slots; };
struct disks { i64 *counts; u64 mapped_block; u32 *image; u64 *images; u32 *same; u64 blocks, slots; };
struct subnet { i64 *counts; u64 first, *packets; u8 *whole; u32 *held; u64 *network, slot; };
struct state {
    i64 *counts; struct tlb tlb; struct l2tlb l2; struct pmap pmap;
    struct drivers drivers; struct sharing sharing; struct disks disks; struct subnet subnet;
    u32 *table; u8 *segment; u32 *space, *direct; u8 *site_tick; u32 *handler, *handler_of_vm; i64 *runs; u64 *lines, *probed; u32 *base; i64 quantum;
    u64 frames, counters, vcpus, places;  // sizes that the arrays themselves know in Python
};
#define TICK(counter) (m->counts[at->base + (counter)]++)

static u32 *set_of(const struct l2tlb *l, u64 vcpu, u64 pair) { return l->tags + vcpu * l->entries + l->home[pair]; }
static void to_front(u32 *set, u64 way, u64 pair) {
    for (; way > 0; way--) set[way] = set[way - 1];
    set[0] = pair;
}
static int l2_find(const struct l2tlb *l, u64 vcpu, u64 pair) {
    u32 *set = set_of(l, vcpu, pair);
    for (u64 way = 0; way < l->ways; way++)
        if (set[way] == pair) { to_front(set, way, pair); return 1; }
    return 0;
}
static void l2_insert(const struct l2tlb *l, u64 vcpu, u64 pair) {
    if (!l2_find(l, vcpu, pair)) to_front(set_of(l, vcpu, pair), l->ways - 1, pair);
}
static void l2_close(const struct l2tlb *l, u32 *set, u64 way) {
    for (; way + 1 < l->ways; way++) set[way] = set[way + 1];
    set[l->ways - 1] = 0;
}
static void l2_drop(const struct l2tlb *l, u64 vcpu, u64 pair) {
    if (l2_find(l, vcpu, pair)) l2_close(l, set_of(l, vcpu, pair), 0);
}
static void l2_flush_space(const struct l2tlb *l, u64 vcpu, const u32 *space_of, u32 space) {
    for (u64 k = l->entries; k-- > 0;) {
        u64 pair = l->tags[vcpu * l->entries + k];
        if (pair && space_of[pair << 1] == space) l2_close(l, set_of(l, vcpu, pair), k - l->home[pair]);
    }
}

static int use(const struct state *m, u64 frame) {
    if (frame == 0 || frame > m->frames || m->pmap.machine[frame - 1]) return 0;
    m->pmap.machine[frame - 1] = ++m->pmap.allocated[0];
    return 1;
}
static int map_page(const struct state *m, u64 page, u32 frame) {
    if (frame > m->frames) frame = 0;
    u32 old = m->pmap.mapped[page];
    if (old != frame) {
        if (old) m->pmap.backmaps[old - 1]--;
        if (frame) m->pmap.backmaps[frame - 1]++;
        m->pmap.mapped[page] = frame;
    }
    return use(m, frame);
}
static void map_pair(const struct state *m, const struct at *at, u64 pair) {
    for (u64 page = pair << 1; page <= (pair << 1 | 1); page++)
        if (map_page(m, page, m->pmap.entry[page])) TICK(C_page_allocation);
}
static void kernel_tlb_fault(const struct state *m, const struct at *at, u64 pair) {
    TICK(C_kernel_tlb_fault);
    map_pair(m, at, pair);
    insert(&m->tlb, at, pair);
}
static int second_level(const struct state *m, const struct at *at, u64 pair) {
    if (!l2_find(&m->l2, at->vcpu, pair)) return 0;
    TICK(C_l2tlb_hit);
    insert(&m->tlb, at, pair);
    return 1;
}
static void kernel_code(const struct state *m, const struct at *at, u32 page) {
    u64 pair = page >> 1;
    if (pair && !touch(&m->tlb, at, pair)) kernel_tlb_fault(m, at, pair);
}
static void run_handler(const struct state *m, const struct at *at, int run) {
    for (u64 k = 0; k < m->counters; k++) m->counts[at->base + k] += m->runs[run * m->counters + k];
}
static void write_tlb(const struct state *m, const struct at *at, u64 pair) {
    map_pair(m, at, pair);
    l2_insert(&m->l2, at->vcpu, pair);
    if (!touch(&m->tlb, at, pair)) insert(&m->tlb, at, pair);
}
static void forward(const struct state *m, const struct at *at, u64 pair) {
    TICK(C_refill_forwarded);
    kernel_code(m, at, m->handler[2 * at->vcpu]);
    u64 table = m->table[pair];
    if (table && !touch(&m->tlb, at, table) && !second_level(m, at, table)) {
        run_handler(m, at, 1);
        TICK(C_nested_forwarded);
        kernel_code(m, at, m->handler[2 * at->vcpu + 1]);
        run_handler(m, at, 2);
        write_tlb(m, at, table);
    } else {
        run_handler(m, at, 0);
        write_tlb(m, at, pair);
    }
}

static void device_access(const struct state *m, const struct at *at) {
    if (!m->drivers.own[at->base / m->drivers.counters % m->places]) TICK(C_programmed_io);
}

static inline void access_page(const struct state *m, const struct at *at, u8 kind, u32 page) {
    u64 pair = page >> 1;
    if (hit(&m->tlb, at, pair)) return;
    if (m->segment[page] == DEVICE) device_access(m, at);
    else if (m->segment[page] != MAPPED) kernel_tlb_fault(m, at, pair);
    else {
        struct at inside = *at;
        inside.base = at->refill;
        while (m->tlb.slot[at->lane + pair] == 0) {
            m->counts[inside.base + C_invocations]++;
            if (!second_level(m, &inside, pair)) forward(m, &inside, pair);
        }
    }
}

static u32 frame_of(u64 entry) { return entry & 1 ? (u32)((entry >> 12) + 1) : 0; }

static void emulate_write(const struct state *m, const struct at *at, const struct row *row) {
    u64 pair = row->page >> 1, index = row->info & 0x3fff, probed = m->probed[at->vcpu];
    int is_random = row->info >> 15;
    m->probed[at->vcpu] = 0;
    if (pair && m->segment[row->page] == MAPPED) {
        m->pmap.entry[pair << 1] = frame_of(row->payload[0]);
        m->pmap.entry[pair << 1 | 1] = frame_of(row->payload[1]);
        if (index < m->tlb.wired && !is_random) fill(&m->tlb, at, first_entry(&m->tlb, at->vcpu) + index, pair);
        write_tlb(m, at, pair);
    } else if (probed) {
        drop(&m->tlb, at->vcpu, probed);
        l2_drop(&m->l2, at->vcpu, probed);
    } else if (index < m->tlb.entries && !is_random)
        empty(&m->tlb, at->vcpu, first_entry(&m->tlb, at->vcpu) + index);
}

static void event(const struct state *m, const struct at *at, const struct row *row) {
    switch (row->kind) {
    case ENTRY: if (row->page) m->pmap.entry[row->page] = frame_of(row->payload[1]); break;
    case SENSITIVE: TICK(m->site_tick[row->page]); break;
    case TLB_WRITE: emulate_write(m, at, row); break;
    case TLB_PROBE:
        m->probed[at->vcpu] = row->info ? row->page >> 1 : 0;
        if (row->info) break;  // else as an invalidation of the page
        drop(&m->tlb, at->vcpu, row->page >> 1);
        l2_drop(&m->l2, at->vcpu, row->page >> 1);
        break;
    case ZEROED:
        if (at->skip == KEPT) break;
        TICK(C_zeroed_page_call);
        use(m, (u64)row->page + 1);
        break;
    case FREED:
        if (row->page >= m->frames) break;
        m->pmap.machine[row->page] = 0;
        for (u64 vcpu = 0; vcpu < m->vcpus; vcpu++) drop(&m->tlb, vcpu, m->direct[row->page]);
        break;
    case PORT: device_access(m, at); break;
    case REQUEST:
        m->counts[at->base + C_dma_page] += (row->payload[1] + 4095) >> 12;  // and as a doorbell
    case DOORBELL: m->counts[at->base + C_device_call] += m->drivers.special; break;
    case PACKET_SENT:
    case PACKET_RECEIVED: {
        u64 bytes = row->payload[1] >> 16 & 0xffff;
        m->counts[at->base + C_dma_page] += (bytes != 0) + (row->info > bytes);
        break;
    }
    case IDLE: m->counts[at->base + C_idle] += row->page; break;
    case INVALIDATE_PAGE:
        drop(&m->tlb, at->vcpu, row->page >> 1);
        l2_drop(&m->l2, at->vcpu, row->page >> 1);
        break;
    case BASE_SWITCH: if (!set_base(m->base, at->vcpu, row->page)) break;  // else as the next
    case INVALIDATE_SPACE:
        flush_space(&m->tlb, at->vcpu, m->space, row->page);
        l2_flush_space(&m->l2, at->vcpu, m->space, row->page);
        break;
    case INVALIDATE_ALL:
        flush(&m->tlb, at->vcpu);
        for (u64 k = 0; k < m->l2.entries; k++) m->l2.tags[at->vcpu * m->l2.entries + k] = 0;
        break;
    }
}

static i64 slice_ended(const struct state *m, const struct at *at) {
    TICK(C_vcpu_switch);
    flush(&m->tlb, at->vcpu);
    return m->quantum;
}

#include "kernel.h"
