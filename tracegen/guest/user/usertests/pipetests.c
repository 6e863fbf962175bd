// usertests of pipes and descriptors.
#include "usertests.h"

#define RING 1024
#define HALF (RING - 100)
#define BYTES 5000 // several times what a pipe holds

static u8 pattern(u64 i) {
    return (u8)(i * 7 + i / 256);
}

// A writer that is faster than its reader blocks, and so does a reader that is faster; every byte arrives in order.
int pipe_order(void) {
    i64 ends[2];
    if (sys_pipe(ends))
        return 0;
    i64 child = sys_fork();
    if (child == 0) {
        u8 *block = allocate(BYTES);
        for (u64 i = 0; i < BYTES; i++)
            block[i] = pattern(i);
        sys_close(ends[0]);
        sys_sleep(1); // the reader finds nothing yet
        sys_exit(sys_write(ends[1], block, BYTES) == BYTES ? 0 : 1);
    }
    sys_close(ends[1]);
    u8 part[300];
    u64 got = 0;
    i64 n;
    while ((n = sys_read(ends[0], part, sizeof part)) > 0)
        for (i64 i = 0; i < n; i++)
            if (part[i] != pattern(got++))
                return 0;
    return n == 0 && got == BYTES && reap(child) == 0;
}

// A read that fails halfway has made room for the writer that waits.
int half_read(void) {
    i64 ends[2];
    if (sys_pipe(ends))
        return 0;
    u8 *block = allocate(PAGE_BYTES); // and nothing behind it
    if (sys_write(ends[1], block, 100) != 100 || sys_read(ends[0], block, 100) != 100)
        return 0; // what follows wraps in the ring, after HALF bytes
    i64 child = sys_fork();
    if (child == 0)
        sys_exit(sys_write(ends[1], block, RING + HALF) == RING + HALF ? 0 : 1);
    sys_sleep(1); // it has filled the ring
    return sys_read(ends[0], block + PAGE_BYTES - HALF, RING) == -1 && reap(child) == 0;
}

// No writer left: what is there can be read, then the end.  No reader left: a write is refused.
int pipe_ends(void) {
    i64 ends[2];
    char text[8];
    if (sys_pipe(ends) || sys_write(ends[1], "abc", 3) != 3 || sys_write(ends[0], "x", 1) != -1)
        return 0;
    if (sys_read(ends[1], text, 1) != -1 || sys_read(ends[0], (char *)KERNEL_BASE, 1) != -1)
        return 0;
    sys_close(ends[1]);
    if (sys_read(ends[0], text, 8) != 3 || text[0] != 'a' || text[2] != 'c' || sys_read(ends[0], text, 8) != 0)
        return 0;
    sys_close(ends[0]);
    if (sys_pipe(ends) || sys_close(ends[0]))
        return 0;
    return sys_write(ends[1], "abc", 3) == -1 && sys_close(ends[1]) == 0 && sys_close(ends[1]) == -1;
}

// A duplicate keeps an end open; descriptors run out, and come back.
int descriptors(void) {
    i64 ends[2];
    char text[2];
    if (sys_pipe(ends))
        return 0;
    i64 other = sys_dup(ends[1]);
    sys_close(ends[1]);
    if (other < 0 || sys_write(other, "y", 1) != 1 || sys_read(ends[0], text, 2) != 1 || text[0] != 'y')
        return 0;
    u64 opened = 0;
    while (sys_dup(other) >= 0)
        opened++;
    i64 more[2];
    if (sys_pipe(more) != -1 || sys_dup(99) != -1 || sys_dup(-1) != -1)
        return 0;
    return opened > 8 && sys_close(other) == 0 && sys_dup(1) == other && sys_write(other, "", 0) == 0;
}
