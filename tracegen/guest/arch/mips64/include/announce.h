// Telling the recorder what the guest does: `ori $0, $0, CODE`, a no-op on hardware, arguments in a0-a3.
//
// The announcement itself retires nothing; only moving its arguments into place costs an instruction each.  Memory is
// clobbered so that the compiler moves no load or store from one side of it to the other.
#pragma once
#include "abi.h"
#include "types.h"

#define ANNOUNCE0(code) __asm__ volatile("ori $0, $0, %0" ::"i"(code) : "memory")
#define ANNOUNCE1(code, a)                                                             \
    do {                                                                               \
        register u64 a0 __asm__("$4") = (u64)(a);                                      \
        __asm__ volatile("ori $0, $0, %0" ::"i"(code), "r"(a0) : "memory");            \
    } while (0)
#define ANNOUNCE2(code, a, b)                                                          \
    do {                                                                               \
        register u64 a0 __asm__("$4") = (u64)(a);                                      \
        register u64 a1 __asm__("$5") = (u64)(b);                                      \
        __asm__ volatile("ori $0, $0, %0" ::"i"(code), "r"(a0), "r"(a1) : "memory");   \
    } while (0)
#define ANNOUNCE4(code, a, b, c, d)                                                    \
    do {                                                                               \
        register u64 a0 __asm__("$4") = (u64)(a);                                      \
        register u64 a1 __asm__("$5") = (u64)(b);                                      \
        register u64 a2 __asm__("$6") = (u64)(c);                                      \
        register u64 a3 __asm__("$7") = (u64)(d);                                      \
        __asm__ volatile("ori $0, $0, %0" ::"i"(code), "r"(a0), "r"(a1), "r"(a2), "r"(a3) : "memory"); \
    } while (0)
