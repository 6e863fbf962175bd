// What the CPU needs before anything else: segments, the task state, gates, system calls, page tables.
#include "percpu.h"
#include "pte.h"
#include "trapframe.h"

#define GATE_INTERRUPT 0x8e // present, for the kernel; interrupts are off behind it
#define GATE_USER 0x60      // the user may use it by an instruction of its own
#define VECTOR_BREAK 3
#define VECTOR_OVERFLOW 4
#define VECTOR_DOUBLE_FAULT 8
#define VECTOR_BYTES 16 // of the code in vectors.S
#define DOUBLE_FAULT_STACK_BYTES 2048

struct [[gnu::packed]] table_register {
    u16 limit;
    u64 base;
};

struct gate {
    u16 offset_low, selector;
    u8 stack, type; // stack: place in the task state's list, from 1; 0 for the usual
    u16 offset_middle;
    u32 offset_high, reserved;
};

extern const char vectors[], syscall_entry[]; // vectors.S

static struct gate gates[VECTORS];
static u8 double_fault_stacks[MAX_CPUS][DOUBLE_FAULT_STACK_BYTES] __attribute__((aligned(16)));
static const u64 segments[SEGMENTS] = {
    0,
    0x00af9b000000ffff, // KERNEL_CODE: 64-bit
    0x00cf93000000ffff, // KERNEL_DATA
    0x00cff3000000ffff, // USER_DATA
    0x00affb000000ffff, // USER_CODE: 64-bit
    0, 0,               // TASK
};

static void use_segments(struct cpu *cpu) {
    struct cpu_arch *arch = &cpu->arch;
    u64 base = (u64)&arch->task, limit = sizeof arch->task - 1;
    memcpy(arch->segments, segments, sizeof segments);
    arch->segments[TASK / 8] = limit | (base & 0xffffff) << 16 | 0x89UL << 40 | (base >> 24 & 0xff) << 56;
    arch->segments[TASK / 8 + 1] = base >> 32;
    const struct table_register all = {sizeof segments - 1, (u64)arch->segments};
    __asm__ volatile("lgdt %0" ::"m"(all) : "memory");
    __asm__ volatile("pushq %0\n\t"
                     "leaq 1f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "lretq\n"
                     "1:\tmov %1, %%ss\n\t"
                     "mov %2, %%ds\n\t"
                     "mov %2, %%es" ::"i"(KERNEL_CODE), "r"(KERNEL_DATA), "r"(0)
                     : "rax", "memory");
    arch->task.interrupt_stack[0] = (u64)(double_fault_stacks[cpu->number] + DOUBLE_FAULT_STACK_BYTES);
    arch->task.port_map = sizeof arch->task; // none: the user may use no port
    __asm__ volatile("ltr %0" ::"r"((u16)TASK));
    arch->self = cpu;
    write_msr(MSR_GS_BASE, (u64)cpu);
}

static void make_gates(void) {
    for (u64 i = 0; i < VECTORS; i++) {
        u64 code = (u64)vectors + i * VECTOR_BYTES;
        u8 user = i == VECTOR_BREAK || i == VECTOR_OVERFLOW ? GATE_USER : 0;
        gates[i] = (struct gate){.offset_low = (u16)code,
                                 .selector = KERNEL_CODE,
                                 .stack = i == VECTOR_DOUBLE_FAULT,
                                 .type = GATE_INTERRUPT | user,
                                 .offset_middle = (u16)(code >> 16),
                                 .offset_high = (u32)(code >> 32)};
    }
}

static void use_gates(void) {
    const struct table_register all = {sizeof gates - 1, (u64)gates};
    __asm__ volatile("lidt %0" ::"m"(all) : "memory");
}

static void use_features(void) {
    u64 cr4;
    write_msr(MSR_EFER, read_msr(MSR_EFER) | EFER_SCE | EFER_NXE);
    write_msr(MSR_STAR, (u64)KERNEL_DATA << 48 | (u64)KERNEL_CODE << 32); // sysret: data 8 and code 16 behind
    write_msr(MSR_LSTAR, (u64)syscall_entry);
    write_msr(MSR_SFMASK, FLAGS_CLEARED);
    write_cr0(read_cr0() | CR0_WP | CR0_TS);
    __asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
    __asm__ volatile("mov %0, %%cr4" ::"r"(cr4 | CR4_PGE | CR4_OSFXSR) : "memory");
}

// A CPU that was started, with the starter's page tables.
void cpu_init(struct cpu *cpu) {
    use_segments(cpu);
    use_gates();
    use_features();
}

void arch_init(u64 memory_bytes) {
    make_gates();
    cpu_init(cpus);
    tables_init(memory_bytes);
}
