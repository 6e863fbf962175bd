// Output by lines.
#include "user.h"

static char line[256];
static u64 used;

static void flush(void) {
    sys_write(1, line, used);
    used = 0;
}

void print(const char *text) {
    for (; *text; text++) {
        line[used++] = *text;
        if (*text == '\n' || used == sizeof line)
            flush();
    }
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
