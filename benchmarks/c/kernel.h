// The generic count kernel once more in C: the same algorithm as replay/kernel.py, to measure that one against.
// The file that includes this defines struct state, access_page, event and slice_ended.

static inline void settle(const struct engine *e, u64 context, u64 base, u8 skip, i64 retired, i64 references) {
    if (context == NOBODY || skip != KEPT) return;
    u64 vcpu = context & 15;
    i64 instructions = retired - e->retired[vcpu];
    e->counts[base] += instructions;
    e->counts[base + 1] += references;
    if (context >> 4) e->counts[base + KERNEL_INSTRUCTIONS] += instructions;
    e->retired[vcpu] = retired;
}

#define ENTER() do { \
        u64 place = e.place[vcpu]; \
        skip = e.skip[place]; \
        retired = e.retired[vcpu]; \
        base = (vcpu * e.places + place) * e.counters; \
        refill = (vcpu * e.places + e.refill[place]) * e.counters; \
        references = 0; \
    } while (0)

void count_rows(const struct state *state, const struct engine *engine, const struct columns *columns, u64 first, u64 last) {
    const struct state m = *state;
    const struct engine e = *engine;
    const struct columns c = *columns;
    u64 context = NOBODY, vcpu = 0, lane = 0, base = 0, refill = 0;
    u8 skip = KEPT;
    i64 retired = 0, references = 0;
    for (u64 i = first; i < last;) {
        if (c.ctx[i] != context) {
            settle(&e, context, base, skip, retired, references);
            context = c.ctx[i];
            vcpu = context & 15;
            lane = vcpu * e.pairs;
            ENTER();
        }
        struct at at = {vcpu, lane, base, refill, 0, skip, 0, COMPLETED, 0, &engine->memory};
        i64 end = e.slice_end[vcpu];
        references -= i;
        for (; i < last && LIKELY(!(c.ctx[i] ^ context | c.kind[i] >> 4)); i++) {  // references
            if (skip != KEPT) { references--; continue; }
            if (!LIKELY(retired + c.n[i] < end)) break;
            retired += c.n[i];
            at.now = i << 10;
            at.retired = retired;
            access_page(&m, &at, c.kind[i], c.page[i]);
            refer(&engine->memory, &at, c.kind[i], c.page[i], c.info[i]);
        }
        references += i;
        if (i == last || c.ctx[i] != context) continue;
        if (skip == KEPT) retired += c.n[i];
        at.now = i << 10;
        at.retired = retired;
        if (skip == KEPT && retired >= end) {
            settle(&e, context, base, skip, retired, references);
            references = 0;
            e.slice_end[vcpu] += slice_ended(&m, &at);
            retired -= c.n[i];  // the row comes again
            continue;
        }
        u8 kind = c.kind[i];
        u32 page = c.page[i];
        u16 info = c.info[i++];
        if (kind == SERVICE_ENTER || kind == SERVICE_EXIT) {
            settle(&e, context, base, skip, retired, references);
            e.place[vcpu] = page;
            ENTER();
            if (kind == SERVICE_ENTER && skip != REPLACED_REFILL) e.counts[base + INVOCATIONS]++;
        } else if (kind == EXTRA) {
            u64 pending = e.payload[PENDING];
            if (pending < PENDING) {
                e.payload[pending] = page | (u64)info << 32;
                e.payload[PENDING] = pending + 1;
            }
        } else if (!(kind == SENSITIVE || kind == RETURN ? skip != KEPT
                     : skip == REPLACED_REFILL && (kind == TLB_WRITE || kind == TLB_PROBE))) {
            u64 counter = kind == SENSITIVE ? e.on_sensitive[e.site_class[page]]
                          : kind == EXCEPTION ? e.on_cause[info & 31] : e.on_kind[kind];
            e.counts[base + counter]++;
            struct row row = {kind, info, page, e.payload};
            event(&m, &at, &row);
            refer_event(&engine->memory, &at, &row);
        }
        if (kind != EXTRA && e.payload[PENDING]) for (int k = 0; k <= PENDING; k++) e.payload[k] = 0;
        if (kind != EXCEPTION || (info >> 5 & 3) == 0 || (info & 31) == NESTED_REFILL) continue;
        at.recorded_refill = (info & 31) == REFILL;
        at.cut_off = info & 31;
        kind = (info >> 5 & 3) == 1 ? FETCH : (info >> 5 & 3) == 2 ? LOAD8 : STORE8;
        access_page(&m, &at, kind, page);
    }
    settle(&e, context, base, skip, retired, references);
}
