// Byte strings and blocks.
#include "lib.h"

void *memset(void *to, int byte, u64 bytes) {
    u8 *p = to;
    for (u64 i = 0; i < bytes; i++)
        p[i] = (u8)byte;
    return to;
}

void *memcpy(void *to, const void *from, u64 bytes) {
    u8 *p = to;
    const u8 *q = from;
    if ((((u64)p | (u64)q | bytes) & 7) == 0) {
        for (u64 i = 0; i < bytes; i += 8)
            *(u64 *)(p + i) = *(const u64 *)(q + i);
        return to;
    }
    for (u64 i = 0; i < bytes; i++)
        p[i] = q[i];
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
