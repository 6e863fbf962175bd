// The other CPUs: started by the first, which boots; from then on they look for threads to run.
#include "announce.h"
#include "proc.h"

struct cpu cpus[MAX_CPUS];
u64 cpu_count = 1;

// Where a CPU begins, on its idle thread's stack.
[[noreturn]] void cpu_main(struct cpu *cpu) {
    cpu_init(cpu);
    ANNOUNCE2(ANNOUNCE_THREAD_SWITCH, ~0UL, thread_here());
    timer_init();
    idle();
}

// Memory for the stacks there must be: this is early.
void cpu_start_others(void) {
    u64 there = cpus_there();
    if (there > MAX_CPUS)
        panic("more CPUs than the kernel has room for", 0);
    for (struct cpu *cpu = cpus + 1; cpu < cpus + there; cpu++) {
        u64 stack = page_alloc();
        if (!stack)
            panic("no memory for an idle thread", 0);
        cpu->number = (u64)(cpu - cpus);
        cpu_count++;
        cpu_begin(cpu->number, cpu_entry, (u64)KERNEL(stack) + PAGE_BYTES, cpu);
    }
}
