// The two ways in which the machine stops.
#include "arch.h"
#include "kernel.h"
#include "trapframe.h"

// A store to the exit register ends the run with `status`.
[[noreturn]] void power_off(u64 status) {
    device_write(DEVICE_EXIT, status);
    for (;;)
        ;
}

static void print_field(const char *name, u64 value) {
    print(name);
    print_hex(value);
}

// The kernel found itself inconsistent: says where, and stops.  `frame` is the exception that showed it, or 0.
[[noreturn]] void panic(const char *why, const struct trapframe *frame) {
    print("panic: ");
    print(why);
    if (frame)
        frame_print(frame, print_field);
    print("\n");
    power_off(STATUS_PANIC);
}
