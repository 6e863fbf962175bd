// Waiting for the first of several descriptors that has something to read, or room to write.
#include "file.h"
#include "proc.h"

struct sets {
    u64 read, write; // a bit for each descriptor
};

static u64 waiting; // so many processes

// A pipe has changed.
void select_wake(void) {
    if (waiting)
        wake(&waiting);
}

// Of the descriptors in `*wanted`, those that are ready.  How many; -1 where one stands for nothing.
static i64 look(const struct sets *wanted, struct sets *ready) {
    i64 n = 0;
    ready->read = ready->write = 0;
    for (u64 i = 0; i < 64; i++) {
        u64 bit = 1UL << i;
        const struct file *file = file_of(i);
        if (!((wanted->read | wanted->write) & bit))
            continue;
        if (!file)
            return -1;
        if (wanted->read & bit && file_is_ready(file, 0))
            ready->read |= bit, n++;
        if (wanted->write & bit && file_is_ready(file, 1))
            ready->write |= bit, n++;
    }
    return n;
}

// `at` has the sets, and gets those that are ready; waits for `ticks` at most, or for ever if that is negative.
i64 file_select(u64 at, i64 ticks) {
    struct sets wanted, ready;
    u64 until = ticks > 0 ? timer_ticks() + (u64)ticks : 0;
    if (copy_in(&wanted, at, sizeof wanted))
        return -1;
    for (;;) {
        i64 n = look(&wanted, &ready);
        if (n < 0)
            return -1;
        if (n || !ticks || (until && timer_ticks() >= until))
            return copy_out(at, &ready, sizeof ready) ? -1 : n;
        waiting++;
        int failed = sleep_on(&waiting, until);
        waiting--;
        if (failed)
            return -1;
    }
}
