// What is in a file: page by page, in the buffer cache, wherever the file is.  The inode is locked.
#include "buffer.h"
#include "fs.h"

static u64 smaller(u64 a, u64 b) {
    return a < b ? a : b;
}

u64 content_block(const struct inode *inode, u64 i) {
    return inode->system->block(inode, i);
}

// Holds page `i` of the file; 0 where it has none, or it cannot be read.
struct buffer *content_buffer(const struct inode *inode, u64 i) {
    u64 block = content_block(inode, i);
    return block ? buffer_read(block) : 0;
}

// Copies up to `bytes` from `offset` on to address `to`, the user's or the kernel's.  How many there were, or -1.
i64 content_read(const struct inode *inode, u64 to, u64 offset, u64 bytes) {
    u64 end = inode->disk.bytes, done = 0;
    bytes = offset < end ? smaller(bytes, end - offset) : 0;
    while (done < bytes) {
        u64 at = offset + done, start = at % PAGE_BYTES, n = smaller(bytes - done, PAGE_BYTES - start);
        struct buffer *b = content_buffer(inode, at / PAGE_BYTES);
        if (!b)
            return done ? (i64)done : -1;
        i64 failed = user_copy((void *)(to + done), KERNEL(b->page + start), n);
        buffer_release(b);
        if (!failed)
            done += n;
        else if (user_bring(to + done, n, MAP_WRITE))
            return -1;
    }
    return (i64)done;
}

// Copies from address `from` to the part of a block from `start` on.  -1 where memory is out, or not the process's,
// or the block cannot be read.
static int fill(u64 block, u64 start, u64 from, u64 bytes) {
    for (;;) {
        struct buffer *b = buffer_read(block);
        if (!b)
            return -1;
        i64 failed = user_copy(KERNEL(b->page + start), (const void *)from, bytes);
        buffer_dirty(b);
        buffer_release(b);
        if (!failed)
            return 0;
        if (user_bring(from, bytes, MAP_READ))
            return -1;
    }
}

// Puts `bytes` from address `from`, the user's or the kernel's, at `offset`, which is in the file or at its end.  How
// many it took: fewer when the disk is full, or -1 when it took none.
i64 content_write(struct inode *inode, u64 from, u64 offset, u64 bytes) {
    if (offset > inode->disk.bytes)
        return -1;
    u64 done = 0;
    while (done < bytes) {
        u64 at = offset + done, start = at % PAGE_BYTES, n = smaller(bytes - done, PAGE_BYTES - start);
        u64 block = content_block(inode, at / PAGE_BYTES);
        if (!block)
            block = inode->system->add(inode, at / PAGE_BYTES);
        if (!block || fill(block, start, from + done, n))
            break;
        done += n;
        if (offset + done > inode->disk.bytes)
            inode->disk.bytes = offset + done;
    }
    inode->disk.modified = timer_now();
    inode->system->store(inode);
    buffer_throttle();
    return done || !bytes ? (i64)done : -1;
}

// Frees every page.  Nobody maps the file.
void content_truncate(struct inode *inode) {
    inode->system->truncate(inode);
}
