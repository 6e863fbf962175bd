// The console: a register that prints each byte.
#include "arch.h"
#include "kernel.h"

void print_byte(u8 byte) {
    console_put(byte);
}

void print(const char *text) {
    while (*text)
        print_byte((u8)*text++);
}
