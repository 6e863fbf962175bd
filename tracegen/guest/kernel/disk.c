// The disk driver: one request at a time moves a block to or from a page, by DMA, while the process that asks sleeps.
#include "announce.h"
#include "arch.h"
#include "proc.h"

static int taken;               // by a process, from before its request until after the answer
static u64 answer = DISK_IDLE;  // DISK_BUSY while the disk owes one

u64 disk_blocks(void) {
    return device_read(DISK_BLOCKS);
}

int disk_owes_answer(void) {
    return answer == DISK_BUSY;
}

// The disk is done: notes how it went, takes its interrupt back, and wakes who waits for that.
void disk_interrupt(void) {
    ANNOUNCE1(ANNOUNCE_SERVICE_ENTER, SERVICE_DISK);
    enter(&disklock);
    wake(&answer); // first, so that at no moment all sleep and the disk owes nothing
    answer = device_read(DISK_STATUS);
    device_write(DISK_ACKNOWLEDGE, 0);
    leave(&disklock);
    ANNOUNCE0(ANNOUNCE_SERVICE_EXIT);
}

// A kill does not cut the sleep short: the disk would write to a page that is somebody else's by then.
static void transfer(u64 command, u64 block, u64 page) {
    ANNOUNCE1(ANNOUNCE_SERVICE_ENTER, SERVICE_DISK);
    enter(&disklock);
    while (taken)
        sleep(&taken);
    taken = 1;
    answer = DISK_BUSY;
    device_write(DISK_BLOCK, block);
    device_write(DISK_FRAME, page >> PAGE_SHIFT);
    device_write(DISK_COMMAND, command);
    while (answer == DISK_BUSY)
        sleep(&answer);
    if (answer != DISK_DONE)
        panic("the disk failed", 0);
    taken = 0;
    wake(&taken);
    leave(&disklock);
    ANNOUNCE0(ANNOUNCE_SERVICE_EXIT);
}

void disk_read(u64 block, u64 page) {
    transfer(DISK_READ, block, page);
}

void disk_write(u64 block, u64 page) {
    transfer(DISK_WRITE, block, page);
}
