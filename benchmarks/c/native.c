// models/native.py once more in C.
#include "engine.h"

struct state { i64 *counts; struct tlb tlb; u32 *table; u8 *segment; u32 *space; u64 *probed; u32 *base; i64 *handler; u64 *lines; u32 *code; };

static void refill(const struct state *m, const struct at *at, u64 pair) {
    m->counts[at->base + C_invocations]++;
    m->counts[at->base + C_utlb_refill]++;
    u64 table = m->table[pair];
    if (table == 0 || touch(&m->tlb, at, table)) {
        m->counts[at->base + C_refill_instruction] += m->handler[0];
        refer_handler(at->memory, at, m->code[2 * at->vcpu], m->lines[0], pair << 1);
        insert(&m->tlb, at, pair);
    } else {
        m->counts[at->base + C_nested_refill]++;
        refer_handler(at->memory, at, m->code[2 * at->vcpu], m->lines[1], 0);
        refer_handler(at->memory, at, m->code[2 * at->vcpu + 1], m->lines[2], 0);
        m->counts[at->base + C_refill_instruction] += m->handler[1] + m->handler[2];
        insert(&m->tlb, at, table);
    }
}

static inline void access_page(const struct state *m, const struct at *at, u8 kind, u32 page) {
    u64 pair = page >> 1;
    if (LIKELY(hit(&m->tlb, at, pair))) return;
    if (m->segment[page] == DEVICE) { m->counts[at->base + C_device_access]++; return; }
    struct at inside = *at;
    inside.base = at->refill;
    while (m->tlb.slot[at->lane + pair] == 0) {
        refill(m, &inside, pair);
        if (at->recorded_refill) break;
    }
}

static void write_entry(const struct state *m, const struct at *at, const struct row *row) {
    u64 pair = row->page >> 1, index = row->info & 0x3fff, probed = m->probed[at->vcpu];
    int is_random = row->info >> 15, mapped = pair != 0 && m->segment[row->page] == MAPPED;
    m->probed[at->vcpu] = 0;
    if (is_random) {
        if (mapped) insert(&m->tlb, at, pair);
    } else if (!mapped) {
        if (probed) drop(&m->tlb, at->vcpu, probed);
        else if (index < m->tlb.entries) empty(&m->tlb, at->vcpu, first_entry(&m->tlb, at->vcpu) + index);
    } else if (index < m->tlb.wired || (row->info >> 14 & 1 && index < m->tlb.entries))  // TLB_HELD
        fill(&m->tlb, at, first_entry(&m->tlb, at->vcpu) + index, pair);
}

static void event(const struct state *m, const struct at *at, const struct row *row) {
    switch (row->kind) {
    case TLB_WRITE: write_entry(m, at, row); break;
    case TLB_PROBE: m->probed[at->vcpu] = row->info ? row->page >> 1 : 0; break;
    case INVALIDATE_PAGE: drop(&m->tlb, at->vcpu, row->page >> 1); break;
    case BASE_SWITCH: if (!set_base(m->base, at->vcpu, row->page)) break;  // else as the next
    case INVALIDATE_SPACE: flush_space(&m->tlb, at->vcpu, m->space, row->page); break;
    case INVALIDATE_ALL: flush(&m->tlb, at->vcpu); break;
    case IDLE: m->counts[at->base + C_idle] += row->page; break;
    }
}

static i64 slice_ended(const struct state *m, const struct at *at) { return NEVER; }

#include "kernel.h"
