// The log: a file that only grows.  Changes collect in a buffer; forcing writes it and waits for the disk.
#include "oltp.h"

#define HELD 512

static i64 descriptor;
static struct change *held;
static u64 count, unforced; // changes in the buffer, and since the disk had everything

void open_log(void) {
    descriptor = new_file("log").descriptor;
    held = allocate(HELD * sizeof *held);
}

static void write_log(void) {
    write_all(descriptor, held, count * sizeof *held);
    count = 0;
}

void log_change(struct change change) {
    if (count == HELD)
        write_log();
    held[count++] = change;
    unforced++;
}

void force_log(void) {
    if (!unforced)
        return;
    write_log();
    sys_sync();
    unforced = 0;
}

// Makes the changes from `first` to before `end`; an absent row has that as its value.
static void redo_one(struct hash *rows, const struct change *first, const struct change *end) {
    for (; first < end; first++)
        *enter(rows, first->key) = first->after;
}

void redo(struct hash *rows) {
    struct change change[64];
    u64 used = 0;
    sys_seek(descriptor, 0);
    while (sys_read(descriptor, &change[used], sizeof *change) == sizeof *change) {
        if (change[used].key) {
            used++;
        } else {
            if (change[used].after == COMMITTED)
                redo_one(rows, change, change + used);
            used = 0;
        }
    }
}
