// What the kernel asks of CPU and machine, beside page tables (pte.h) and exceptions (trapframe.h): on MIPS64.
#pragma once
#include "cp0.h"
#include "kernel.h"

#define ELF_MAGIC 0x7f454c46 // of a program, as a word
#define ELF_MACHINE 8

#define HOLE DEVICE_BASE // a page in the midst of physical addresses that is no memory

// Devices have registers in a page that is reached uncached.
static inline u64 device_read(u64 offset) {
    return *(volatile u64 *)(KSEG1 + DEVICE_BASE + offset);
}

static inline void device_write(u64 offset, u64 value) {
    *(volatile u64 *)(KSEG1 + DEVICE_BASE + offset) = value;
}

static inline void console_put(u8 byte) {
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

// What vectors.S and the TLB's code want of a CPU.
struct cpu_arch {
    u64 stack;        // where an exception from user mode starts its trap frame
    pte_t *root;      // of the current space
    u64 next_asid;    // the first that no space has
    u64 generation;   // how many times they were used up
};

static_assert(__builtin_offsetof(struct cpu_arch, stack) == CPU_STACK, "cp0.h agrees with arch.h");
static_assert(__builtin_offsetof(struct cpu_arch, root) == CPU_ROOT, "cp0.h agrees with arch.h");

// While the kernel runs, gp points to the CPU's area.
struct cpu;
register struct cpu *cpu_of_gp __asm__("$28");

static inline struct cpu *this_cpu(void) {
    return cpu_of_gp;
}

static inline void stack_use(u64 top) {
    ((struct cpu_arch *)this_cpu())->stack = top;
}

static inline void cpu_relax(void) {
    __asm__ volatile("" ::: "memory");
}

// Other CPUs: how many there are, how one is started, and how it is interrupted.
static inline u64 cpus_there(void) {
    return device_read(VCPU_COUNT);
}

static inline void cpu_begin(u64 number, void (*entry)(void), u64 stack, void *argument) {
    device_write(START_ENTRY, (u64)entry);
    device_write(START_STACK, stack);
    device_write(START_ARGUMENT, (u64)argument);
    device_write(START_VCPU, number);
}

static inline void ipi_send(u64 number) {
    device_write(IPI_SEND, number);
}
