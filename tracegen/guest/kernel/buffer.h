// A block of the disk, or a page of another machine's file, in memory.  Who holds a buffer may use its page, and holds no second one: so nobody who holds one
// waits for another, and there is always one that will be released.
#pragma once
#include "kernel.h"

struct buffer {
    u64 block;  // of the disk, below FS_BLOCKS, or the key of a page of another machine's file (remote.c); 0 for none
    u64 page;   // physical address of its content, which processes may map where it lies
    int held;   // by one process
    int wanted; // by another, which sleeps
    int valid;  // the page has the block's content
    int dirty;  // newer than the disk's
    struct buffer *chain;           // the next whose block has the same hash, or the next spare one
    struct buffer *newer, *older;   // in the order of their latest use
    struct buffer *later, *earlier; // of those that are dirty, in the order in which they became it
};

struct buffer *buffer_read(u64 block);
struct buffer *buffer_fresh(u64 block);
u64 buffer_exchange(struct buffer *b, u64 page);
u64 buffer_replace(u64 block, u64 page);
void buffer_write_block(u64 block);
void buffer_dirty(struct buffer *b);
void buffer_release(struct buffer *b);
void buffer_forget(u64 block);
u64 buffer_block(u64 page);
void buffer_stored(u64 page);
void buffer_write(u64 page);
