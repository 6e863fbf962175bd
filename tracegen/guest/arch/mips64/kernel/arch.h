// What the kernel asks of CPU and machine, beside page tables (pte.h) and exceptions (trapframe.h): on MIPS64.
#pragma once
#include "cp0.h"
#include "memlayout.h"

#define ELF_MAGIC 0x7f454c46 // of a program, as a word
#define ELF_MACHINE 8

// Devices have registers in a page that is reached uncached.
static inline u64 device_read(u64 offset) {
    return *(volatile u64 *)(KSEG1 + DEVICE_BASE + offset);
}

static inline void device_write(u64 offset, u64 value) {
    *(volatile u64 *)(KSEG1 + DEVICE_BASE + offset) = value;
}

static inline void console_write(u8 byte) {
    device_write(CONSOLE_OUT, byte);
}

// The clock: Count, at half the cycle rate, against Compare, a write to which clears the timer interrupt.
typedef u32 count_t;
typedef i32 count_difference_t;

#define TICK_COUNTS 1000000 // timer period: 10 ms
#define COUNT_NS 10         // one Count unit: two cycles at the nominal 200 MHz

static inline void clock_init(void) {
}

static inline count_t clock_read(void) {
    count_t value;
    __asm__ volatile("mfc0 %0, $9" : "=r"(value));
    return value;
}

static inline void clock_alarm(count_t at) {
    __asm__ volatile("mtc0 %0, $11" ::"r"(at));
}

// Where an exception from user mode starts its trap frame.
extern u64 kernel_stack;

static inline void stack_use(u64 top) {
    kernel_stack = top;
}
