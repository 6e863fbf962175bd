// Text to codes.
#include "compress.h"

#define SLOT_BITS 18 // four times as many as there are texts
#define SLOTS (1 << SLOT_BITS)

// By hash: a learned text as 1 + (code of all but its last byte << 8 | that byte), 0 for none; and its code.
static u32 texts[SLOTS];
static u16 codes[SLOTS];

static u64 slot_of(u64 text) {
    u64 slot = text * 0x9e3779b97f4a7c15 >> (64 - SLOT_BITS);
    while (texts[slot] && texts[slot] != text + 1)
        slot = (slot + 1) & (SLOTS - 1);
    return slot;
}

static void put(struct bits *to, u64 code, u64 width) {
    for (u64 done = 0; done < width;) {
        u64 shift = to->used & 7, n = 8 - shift < width - done ? 8 - shift : width - done;
        u8 *byte = to->at + (to->used >> 3);
        *byte = (u8)((shift ? *byte : 0) | (code >> done & ((1UL << n) - 1)) << shift);
        done += n;
        to->used += n;
    }
}

u64 encode(const u8 *text, u64 bytes, u8 *to) {
    struct bits out = {to, 0};
    u64 next = FIRST, met = text[0];
    memset(texts, 0, sizeof texts);
    for (u64 i = 1; i < bytes; i++) {
        u64 slot = slot_of(met << 8 | text[i]);
        if (texts[slot]) {
            met = codes[slot];
            continue;
        }
        put(&out, met, width_of(next));
        texts[slot] = (u32)(met << 8 | text[i]) + 1;
        codes[slot] = (u16)next++;
        met = text[i];
        if (next == CODES) {
            put(&out, FORGET, width_of(next));
            memset(texts, 0, sizeof texts);
            next = FIRST;
        }
    }
    put(&out, met, width_of(next));
    return (out.used + 7) >> 3;
}
