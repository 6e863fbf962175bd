// Codes back to text.
#include "compress.h"

// Of a learned text: the code of all but its last byte, its first and its last byte, and how long it is.
static struct {
    u16 before;
    u8 first, last;
    u32 bytes;
} learned[CODES];

static u64 get(struct bits *from, u64 width) {
    u64 code = 0;
    for (u64 done = 0; done < width;) {
        u64 shift = from->used & 7, n = 8 - shift < width - done ? 8 - shift : width - done;
        code |= (from->at[from->used >> 3] >> shift & ((1UL << n) - 1)) << done;
        done += n;
        from->used += n;
    }
    return code;
}

static u64 length_of(u64 code) {
    return code < BYTES ? 1 : learned[code].bytes;
}

static u8 first_of(u64 code) {
    return code < BYTES ? (u8)code : learned[code].first;
}

static void learn(u64 code, u64 before, u8 last) {
    learned[code].before = (u16)before;
    learned[code].first = first_of(before);
    learned[code].last = last;
    learned[code].bytes = (u32)length_of(before) + 1;
}

// Writes the text of `code` so that it ends at `end`.
static void spell(u64 code, u8 *end) {
    for (; code >= BYTES; code = learned[code].before)
        *--end = learned[code].last;
    *--end = (u8)code;
}

// The encoder learned a text with each code that it wrote; its last byte is the first one of the next code's text.
u64 decode(const u8 *from, u8 *to, u64 bytes) {
    struct bits in = {(u8 *)from, 0};
    u64 next = FIRST, previous = 0, done = 0;
    while (done < bytes) {
        u64 code = get(&in, width_of(next));
        if (code == FORGET) {
            next = FIRST;
            continue;
        }
        if (next > FIRST)
            learn(next - 1, previous, first_of(code == next - 1 ? previous : code));
        if (code >= next || length_of(code) > bytes - done)
            return done;
        done += length_of(code);
        spell(code, to + done);
        previous = code;
        next++;
    }
    return done;
}
