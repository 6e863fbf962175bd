// Which blocks of the disk are free: one bit each, in the bitmap.
#include "buffer.h"
#include "disk.h"
#include "fs.h"

#define BITS (PAGE_BYTES * 8UL) // of one block of the bitmap

static u64 blocks;     // of the disk, as far as the bitmap reaches
static u64 free_count;
static u64 next;       // where to look for the next free one, so that files lie in the order of their writing

static u64 count_used(const u8 *bits, u64 n) {
    u64 used = 0;
    for (u64 i = 0; i < n / 8; i++)
        for (u8 byte = bits[i]; byte; byte &= byte - 1)
            used++;
    return used;
}

// Makes the disk's file system usable; -1 if there is none on it.
int block_mount(void) {
    blocks = disk_blocks() < FS_BLOCKS ? disk_blocks() : FS_BLOCKS;
    if (blocks < FS_DATA)
        return -1;
    struct buffer *b = buffer_read(0);
    int ours = *(u64 *)KERNEL(b->page) == FS_MAGIC;
    buffer_release(b);
    for (u64 at = 0; ours && at < blocks; at += BITS) {
        b = buffer_read(FS_BITMAP + at / BITS);
        free_count += (blocks - at < BITS ? blocks - at : BITS) - count_used(KERNEL(b->page), BITS);
        buffer_release(b);
    }
    next = FS_DATA;
    return ours ? 0 : -1;
}

u64 block_free_count(void) {
    return free_count;
}

// A free block from `from` up in its part of the bitmap, which is marked; 0 where there is none up to that part's end.
static u64 take(u64 from) {
    struct buffer *b = buffer_read(FS_BITMAP + from / BITS);
    u8 *bits = KERNEL(b->page);
    u64 base = from / BITS * BITS, end = blocks - base < BITS ? blocks - base : BITS, found = 0;
    for (u64 i = from - base; i < end && !found; i++)
        if (!(bits[i / 8] & 1 << i % 8)) {
            bits[i / 8] |= (u8)(1 << i % 8);
            buffer_dirty(b);
            free_count--;
            found = base + i;
        }
    buffer_release(b);
    return found;
}

// A block that was free, all zeroes in its buffer; 0 when the disk is full.
u64 block_alloc(void) {
    u64 block = 0;
    while (!block && free_count) {
        block = take(next);
        next = block ? block + 1 : (next / BITS + 1) * BITS;
        if (next >= blocks)
            next = FS_DATA;
    }
    if (block)
        buffer_release(buffer_fresh(block));
    return block;
}

void block_free(u64 block) {
    buffer_forget(block);
    struct buffer *b = buffer_read(FS_BITMAP + block / BITS);
    ((u8 *)KERNEL(b->page))[block % BITS / 8] &= (u8) ~(1 << block % 8);
    buffer_dirty(b);
    free_count++;
    buffer_release(b);
}
