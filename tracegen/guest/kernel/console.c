// The console: a register that prints the byte stored to it.
#include "kernel.h"

void print_byte(u8 byte) {
    *DEVICE(CONSOLE_OUT) = byte;
}

void print(const char *text) {
    while (*text)
        print_byte((u8)*text++);
}
