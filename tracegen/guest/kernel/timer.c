// The interval timer: an alarm of the clock each TICK_COUNTS.
#include "arch.h"
#include "kernel.h"

static u64 ticks;      // timer interrupts since boot
static count_t latest; // when the latest of them was due

void timer_init(void) {
    clock_init();
    latest = clock_read();
    clock_alarm(latest + TICK_COUNTS);
}

// Sets the alarm one period on from when this tick was due, not from now, so that lateness does not add up.  A kernel
// path longer than a period makes up for the ticks it missed.
void timer_interrupt(void) {
    do {
        latest += TICK_COUNTS;
        ticks++;
        clock_alarm(latest + TICK_COUNTS);
    } while ((count_difference_t)(clock_read() - latest - TICK_COUNTS) >= 0);
}

u64 timer_ticks(void) {
    return ticks;
}

// Nanoseconds since boot, to the resolution of the clock.
u64 timer_now(void) {
    return (ticks * TICK_COUNTS + (count_t)(clock_read() - latest)) * COUNT_NS;
}
