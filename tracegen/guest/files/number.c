// Numbers as text.
#include "othello.h"

void put_number(long number) {
    char digits[24];
    int count = 0;
    if (number < 0) {
        putchar('-');
        number = -number;
    }
    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    while (count)
        putchar(digits[--count]);
}

void put_hex(long bits) {
    for (int i = HEX_DIGITS - 1; i >= 0; i--)
        putchar("0123456789abcdef"[(bits >> (4 * i)) & 15]);
}

void put_field(const char *name, long number) {
    put_padded(name, TEXT_WIDTH);
    put_number(number);
    putchar('\n');
}
