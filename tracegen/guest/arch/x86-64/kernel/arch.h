// What the kernel asks of CPU and machine, beside page tables (pte.h) and exceptions (trapframe.h): on x86-64.
#pragma once
#include "cpu.h"
#include "memlayout.h"

#define ELF_MAGIC 0x464c457f // of a program, as a word
#define ELF_MACHINE 62

#define HOLE 0 // no page in the midst of memory is anything else

// Devices have ports.
#define DISK_BLOCK PORT_DISK_BLOCK
#define DISK_FRAME PORT_DISK_FRAME
#define DISK_COMMAND PORT_DISK_COMMAND
#define DISK_STATUS PORT_DISK_STATUS
#define DISK_ACKNOWLEDGE PORT_DISK_ACKNOWLEDGE
#define DISK_BLOCKS PORT_DISK_BLOCKS
#define NET_ADDRESS PORT_NET_ADDRESS
#define NET_STATIONS PORT_NET_STATIONS
#define NET_SEND_RING PORT_NET_SEND_RING
#define NET_RECEIVE_RING PORT_NET_RECEIVE_RING
#define NET_SEND PORT_NET_SEND
#define NET_RECEIVE PORT_NET_RECEIVE
#define NET_STATUS PORT_NET_STATUS
#define NET_ACKNOWLEDGE PORT_NET_ACKNOWLEDGE
#define DEVICE_EXIT PORT_EXIT

static inline u64 device_read(u16 port) {
    return read_port32(port);
}

static inline void device_write(u16 port, u64 value) {
    write_port32(port, (u32)value);
}

static inline void console_put(u8 byte) {
    write_port8(PORT_CONSOLE, byte);
}

// The clock: the time-stamp counter, against the deadline of the local interrupt controller's timer.
typedef u64 count_t;
typedef i64 count_difference_t;

#define TICK_COUNTS 2000000UL // timer period: 10 ms
#define COUNT_NS 5            // one unit of the counter at the nominal 200 MHz

static inline void clock_init(void) {
    write_msr(MSR_SPURIOUS, SPURIOUS_ENABLE | VECTOR_SPURIOUS);
    write_msr(MSR_LVT_TIMER, LVT_DEADLINE | VECTOR_TIMER);
}

static inline count_t clock_read(void) {
    return read_tsc();
}

static inline void clock_alarm(count_t at) {
    write_msr(MSR_TSC_DEADLINE, at);
}

#define SEGMENTS 7

// What vectors.S and the hardware want of a CPU.
struct cpu_arch {
    struct cpu *self;
    u64 user_stack;
    int floats_usable; // CR0.TS is off
    struct [[gnu::packed]] {
        u32 reserved0;
        u64 stack[3]; // by ring that is entered: where an exception or a system call from user mode starts its frame
        u64 reserved1, interrupt_stack[7], reserved2;
        u16 reserved3, port_map;
    } task;
    u64 segments[SEGMENTS];
};

static_assert(__builtin_offsetof(struct cpu_arch, task.stack) == CPU_KERNEL_STACK, "cpu.h agrees with arch.h");

static inline struct cpu *this_cpu(void) {
    struct cpu *cpu;
    __asm__ volatile("mov %%gs:%c1, %0" : "=r"(cpu) : "i"(CPU_SELF));
    return cpu;
}

static inline void stack_use(u64 top) {
    ((struct cpu_arch *)this_cpu())->task.stack[0] = top;
}

static inline void cpu_relax(void) {
    __asm__ volatile("pause" ::: "memory");
}

// Other CPUs: how many there are, how one is started, and how it is interrupted.
static inline u64 cpus_there(void) {
    u32 there = read_port32(PORT_VCPUS);
    return there == ~0U ? 1 : there; // no such port: no other CPUs
}

static inline void cpu_begin(u64 number, void (*entry)(void), u64 stack, void *argument) {
    write_msr(MSR_START_ENTRY, (u64)entry);
    write_msr(MSR_START_STACK, stack);
    write_msr(MSR_START_ARGUMENT, (u64)argument);
    write_msr(MSR_ICR, number << 32 | ICR_START);
}

static inline void ipi_send(u64 number) {
    write_msr(MSR_ICR, number << 32 | VECTOR_IPI);
}
