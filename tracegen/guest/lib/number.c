// Numbers to text and back.
#include "lib.h"

char *format_number(char *to, u64 value, u32 base) {
    char digits[NUMBER_BYTES];
    u32 n = 0;
    do {
        digits[n++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    while (n)
        *to++ = digits[--n];
    *to = 0;
    return to;
}

i64 parse_number(const char *text) {
    u64 value = 0;
    if (!*text)
        return -1;
    for (; *text; text++) {
        u64 digit = (u64)*text - '0';
        if (digit > 9 || value > ((1UL << 63) - 1 - digit) / 10)
            return -1;
        value = value * 10 + digit;
    }
    return (i64)value;
}
