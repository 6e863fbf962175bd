// Lempel-Ziv-Welch coding (Welch, IEEE Computer 17(6), 1984) with codes of 9 to 16 bits.
//
// A code stands for a text that was met before: one that was, and one byte more.  Codes are as long as their number
// needs; when there is no more room all learned ones are forgotten, and both sides begin again.
#pragma once
#include "workload.h"

#define BYTES 256  // texts of one byte, whose codes are themselves
#define FORGET 256 // the code that says that the learned ones are forgotten
#define FIRST 257  // the first learned one
#define CODES (1 << 16)
#define SHORTEST 9 // bits of a code

// Codes, packed from the lowest bit of each byte up.
struct bits {
    u8 *at;
    u64 used; // bits
};

// Bits of a code while there are that many of them.
static inline u64 width_of(u64 codes) {
    u64 width = SHORTEST;
    while (codes > 1UL << width)
        width++;
    return width;
}

// encode.c: the bytes of the compressed text in `to`, where there is room for 2 bytes for each of `text`, and 8.
u64 encode(const u8 *text, u64 bytes, u8 *to);

// decode.c: writes a text of `bytes` to `to`; fewer where `from` holds no such text.
u64 decode(const u8 *from, u8 *to, u64 bytes);
