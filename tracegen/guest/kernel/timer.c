// The interval timer: an alarm of each CPU's clock each TICK_COUNTS.  All clocks go alike; the first CPU counts the ticks.
#include "percpu.h"

static u64 ticks; // the first CPU's timer interrupts
static u64 begun; // what the clock said at the beginning

// Sets the alarm one period on from when the latest tick was due, not from now, so that lateness does not add up.
static void next_alarm(struct cpu *cpu) {
    cpu->alarm += TICK_COUNTS;
    clock_alarm((count_t)cpu->alarm);
}

// Of each CPU.  The others' turns end with the first's.
void timer_init(void) {
    struct cpu *cpu = this_cpu();
    clock_init();
    if (cpu == cpus)
        begun = cpu->alarm = clock_read();
    else
        cpu->alarm = cpus->alarm;
    next_alarm(cpu);
}

// A kernel path longer than a period makes up for the ticks it missed.
void timer_interrupt(void) {
    struct cpu *cpu = this_cpu();
    do {
        next_alarm(cpu);
        ticks += cpu == cpus;
    } while ((count_difference_t)(clock_read() - (count_t)cpu->alarm) >= 0);
    if (cpu == cpus) {
        balloon_tick(ticks);
        wake_sleepers(ticks);
        net_tick(ticks);
    }
}

u64 timer_ticks(void) {
    return ticks;
}

// Nanoseconds since boot, to the resolution of the clock.
u64 timer_now(void) {
    u64 alarm = cpus->alarm; // in units that do not wrap
    return (alarm + (u64)(count_difference_t)(clock_read() - (count_t)alarm) - begun) * COUNT_NS;
}
