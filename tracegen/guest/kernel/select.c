// Waiting for the first of several descriptors that has something to read, or room to write.
#include "file.h"
#include "lock.h"
#include "proc.h"

#define WORDS (MAX_DESCRIPTORS / 64)

static_assert(WORDS == SELECT_WORDS, "sets are as abi.py says");

struct sets {
    u64 read[WORDS], write[WORDS]; // a bit for each descriptor
};

static u64 waiting; // so many processes

// A pipe or a socket has changed.
void select_wake(void) {
    if (waiting)
        wake(&waiting);
}

// Of the descriptors in `*wanted`, those that are ready.  How many; -1 where one stands for nothing.
static i64 look(const struct sets *wanted, struct sets *ready) {
    i64 n = 0;
    for (u64 word = 0; word < WORDS; word++) {
        u64 read = wanted->read[word], write = wanted->write[word], i = 64 * word;
        ready->read[word] = ready->write[word] = 0;
        for (u64 bit = 1; bit && (read | write) >= bit; bit <<= 1, i++) {
            const struct file *file = file_of(i);
            if (!((read | write) & bit))
                continue;
            if (!file)
                return -1;
            if (read & bit && file_is_ready(file, 0))
                ready->read[word] |= bit, n++;
            if (write & bit && file_is_ready(file, 1))
                ready->write[word] |= bit, n++;
        }
    }
    return n;
}

// Inside the network's guard, too: so nothing becomes ready between a look and the sleep after it.
static i64 select(u64 at, i64 ticks) {
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

// `at` has the sets, and gets those that are ready; waits for `ticks` at most, or for ever if that is negative.
i64 file_select(u64 at, i64 ticks) {
    enter(&netlock);
    i64 n = select(at, ticks);
    leave(&netlock);
    return n;
}
