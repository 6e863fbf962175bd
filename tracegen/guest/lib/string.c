// Byte strings and blocks.
#include "lib.h"

void *memset(void *to, int byte, u64 bytes) {
    u8 *p = to, *end = p + bytes;
    u64 word = (u8)byte * 0x0101010101010101UL;
    for (; (u64)p & 7 && p != end; p++)
        *p = (u8)byte;
    for (; end - p >= 8; p += 8)
        *(u64 *)p = word;
    for (; p != end; p++)
        *p = (u8)byte;
    return to;
}

void *memcpy(void *to, const void *from, u64 bytes) {
    u8 *p = to, *end = p + bytes;
    const u8 *q = from;
    if ((((u64)p | (u64)q) & 7) == 0)
        for (; end - p >= 8; p += 8, q += 8)
            *(u64 *)p = *(const u64 *)q;
    for (; p != end; p++, q++)
        *p = *q;
    return to;
}

u64 strlen(const char *text) {
    u64 n = 0;
    while (text[n])
        n++;
    return n;
}

int strcmp(const char *a, const char *b) {
    while (*a && *a == *b)
        a++, b++;
    return (u8)*a - (u8)*b;
}
