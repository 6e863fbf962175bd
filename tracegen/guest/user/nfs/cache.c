// Pages of remote files in the client's memory.
#include "nfs.h"

#define PAGES 64

static struct {
    u64 handle, index, used; // when; 0: never
} cached[PAGES];
static u64 clock;
static u8 *memory; // a page for each of them

const u8 *cached_page(struct remote *at, u64 handle, u64 index) {
    u64 oldest = 0, i = 0;
    memory = memory ? memory : allocate(PAGES * PAGE_BYTES);
    for (; i < PAGES && !(cached[i].used && cached[i].handle == handle && cached[i].index == index); i++)
        oldest = cached[i].used < cached[oldest].used ? i : oldest;
    if (i == PAGES) {
        i = oldest;
        cached[i].used = 0;
        if (remote_get(at, handle, index, memory + i * PAGE_BYTES) < 0)
            return 0;
        cached[i].handle = handle, cached[i].index = index;
    }
    cached[i].used = ++clock;
    return memory + i * PAGE_BYTES;
}
