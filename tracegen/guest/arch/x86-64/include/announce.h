// Telling the recorder what the guest does: `nopl (ANNOUNCE_MAGIC + CODE)(%rax)`, a no-op on hardware, arguments in rdi,
// rsi, rdx, rcx.
//
// The announcement itself retires nothing; only moving its arguments into place costs an instruction each.  Memory is
// clobbered so that the compiler moves no load or store from one side of it to the other.
#pragma once
#include "abi.h"
#include "types.h"

#define ANNOUNCE0(code) __asm__ volatile("nopl %c0(%%rax)" ::"i"(ANNOUNCE_MAGIC + (code)) : "memory")
#define ANNOUNCE1(code, a) \
    __asm__ volatile("nopl %c0(%%rax)" ::"i"(ANNOUNCE_MAGIC + (code)), "D"((u64)(a)) : "memory")
#define ANNOUNCE2(code, a, b) \
    __asm__ volatile("nopl %c0(%%rax)" ::"i"(ANNOUNCE_MAGIC + (code)), "D"((u64)(a)), "S"((u64)(b)) : "memory")
#define ANNOUNCE4(code, a, b, c, d)                                                                             \
    __asm__ volatile("nopl %c0(%%rax)" ::"i"(ANNOUNCE_MAGIC + (code)), "D"((u64)(a)), "S"((u64)(b)), "d"((u64)(c)), \
                     "c"((u64)(d))                                                                              \
                     : "memory")
