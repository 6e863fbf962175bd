// models/native_walk.py once more in C.
#include "paging.h"

struct state { i64 *counts; struct paging paging; };

#define TICK(counter) m->counts[at->base + counter]++

static void walk(const struct state *m, const struct at *at, u32 page) {
    TICK(C_page_walk);
    m->counts[at->base + C_walk_reference] += cache_walk(&m->paging.caches, at->vcpu, page, m->paging.large[m->paging.leaf[page]]);
}

static inline void access_page(const struct state *m, const struct at *at, u8 kind, u32 page) {
    if (faulted(at)) {
        walk(m, at, page);
        drop_fault(&m->paging, at, page);
    } else if (!first_hit(&m->paging.first, at, kind, page)) {
        if (m->paging.first.segment[page] == DEVICE) TICK(C_device_access);
        else if (second_hit(&m->paging, at, kind != FETCH, page)) TICK(C_stlb_hit);
        else {
            walk(m, at, page);
            fill_both(&m->paging, at, kind != FETCH, page);
        }
    }
}

static void event(const struct state *m, const struct at *at, const struct row *row) {
    if (row->kind == IDLE) m->counts[at->base + C_idle] += row->page;
    else follow_paging(&m->paging, at->vcpu, row);
}

static i64 slice_ended(const struct state *m, const struct at *at) { return NEVER; }

#include "kernel.h"
