// The two ways in which the machine stops.
#include "cp0.h"
#include "kernel.h"

// A store to the exit register ends the run with `status`.
[[noreturn]] void power_off(u64 status) {
    *DEVICE(DEVICE_EXIT) = status;
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
    if (frame) {
        print_field(": cause ", (frame->cause & CAUSE_CODE) >> CAUSE_CODE_SHIFT);
        print_field(" pc ", frame->epc);
        print_field(" address ", frame->badvaddr);
        print_field(" status ", frame->status);
        print_field(" sp ", frame->reg[REG_SP]);
        print_field(" ra ", frame->reg[REG_RA]);
    }
    print("\n");
    power_off(STATUS_PANIC);
}
