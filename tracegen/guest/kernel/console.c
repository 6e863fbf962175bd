// The console: a register that prints the byte stored to it.
#include "kernel.h"

void print_byte(u8 byte) {
    *DEVICE(CONSOLE_OUT) = byte;
}

void print(const char *text) {
    while (*text)
        print_byte((u8)*text++);
}

static void print_number(u64 value, u32 base) {
    char digits[NUMBER_BYTES];
    format_number(digits, value, base);
    print(digits);
}

void print_decimal(u64 value) {
    print_number(value, 10);
}

void print_hex(u64 value) {
    print("0x");
    print_number(value, 16);
}
