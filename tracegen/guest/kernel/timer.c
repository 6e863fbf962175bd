// The interval timer: Count against Compare, TICK_COUNTS apart.
#include "cp0.h"
#include "kernel.h"
#include "param.h"

static u64 ticks;  // timer interrupts since boot
static u32 latest; // Compare of the latest of them

void timer_init(void) {
    latest = read_count();
    write_compare(latest + TICK_COUNTS);
}

// Sets Compare one period on from when this tick was due, not from now, so that lateness does not add up.  A kernel
// path longer than a period makes up for the ticks it missed.
void timer_interrupt(void) {
    do {
        latest += TICK_COUNTS;
        ticks++;
        write_compare(latest + TICK_COUNTS);
    } while ((i32)(read_count() - latest - TICK_COUNTS) >= 0);
}

u64 timer_ticks(void) {
    return ticks;
}

// Nanoseconds since boot, to the resolution of Count.
u64 timer_now(void) {
    return (ticks * TICK_COUNTS + (u32)(read_count() - latest)) * COUNT_NS;
}
