// Numbers to wherever print() of the kernel or of a program leads.
#include "lib.h"

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
