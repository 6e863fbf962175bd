// The CPU's system registers: selectors, bits, and instructions for C.
#pragma once
#include "abi.h"

// Selectors, in the order that syscall and sysret want: code then data of the kernel, data then code of the user.
#define KERNEL_CODE 0x08
#define KERNEL_DATA 0x10
#define USER_DATA 0x1b
#define USER_CODE 0x23
#define TASK 0x28

#define FLAGS_FIXED 0x002 // always set
#define FLAGS_IF 0x200    // interrupts enabled
#define FLAGS_CLEARED 0x44700 // by syscall: AC, NT, DF, IF, TF

#define CR0_TS 0x8     // floating point is stopped
#define CR0_WP 0x10000 // the kernel, too, may not store to read-only pages
#define CR4_PGE 0x80   // global pages
#define CR4_OSFXSR 0x200 // the kernel keeps vector registers

#define MSR_EFER 0xc0000080
#define MSR_STAR 0xc0000081
#define MSR_LSTAR 0xc0000082
#define MSR_SFMASK 0xc0000084
#define MSR_GS_BASE 0xc0000101
#define EFER_SCE 0x001 // syscall and sysret
#define EFER_NXE 0x800 // no-execute pages

#define VECTORS 48
#define VECTOR_TIMER 0x20
#define VECTOR_SPURIOUS 0x2f
#define SPURIOUS_ENABLE 0x100
#define LVT_DEADLINE 0x40000
#define ICR_START 0x600 // delivery mode

// The area of a CPU, where gs points while the kernel runs: its own address; where syscall.S keeps the user's stack pointer for a moment,
// and in the task state, where an exception from user mode starts its trap frame.
#define CPU_SELF 0
#define CPU_USER_STACK 8
#define CPU_KERNEL_STACK 24

#ifndef __ASSEMBLER__
#include "types.h"

static inline void write_msr(u32 number, u64 value) {
    __asm__ volatile("wrmsr" ::"c"(number), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}

static inline u64 read_msr(u32 number) {
    u32 low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(number));
    return (u64)high << 32 | low;
}

static inline void write_port8(u16 port, u8 value) {
    __asm__ volatile("outb %0, %1" ::"a"(value), "d"(port) : "memory");
}

static inline void write_port32(u16 port, u32 value) {
    __asm__ volatile("outl %0, %1" ::"a"(value), "d"(port) : "memory");
}

static inline u32 read_port32(u16 port) {
    u32 value;
    __asm__ volatile("inl %1, %0" : "=a"(value) : "d"(port) : "memory");
    return value;
}

static inline u64 read_tsc(void) {
    u32 low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (u64)high << 32 | low;
}

static inline u64 read_cr0(void) {
    u64 value;
    __asm__ volatile("mov %%cr0, %0" : "=r"(value));
    return value;
}

static inline void write_cr0(u64 value) {
    __asm__ volatile("mov %0, %%cr0" ::"r"(value) : "memory");
}

static inline void use_root(u64 page) {
    __asm__ volatile("mov %0, %%cr3" ::"r"(page) : "memory");
}

static inline void invalidate_page(u64 va) {
    __asm__ volatile("invlpg (%0)" ::"r"(va) : "memory");
}
#endif
