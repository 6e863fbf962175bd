// What is in a file: block by block, in the buffer cache.  The inode is locked.  A file has no holes.
#include "buffer.h"
#include "fs.h"

static u64 smaller(u64 a, u64 b) {
    return a < b ? a : b;
}

// The file's block `i`, or 0 where it has none.
u64 content_block(const struct inode *inode, u64 i) {
    if (i < FS_DIRECT)
        return inode->disk.direct[i];
    if (!inode->disk.indirect || i >= FS_DIRECT + FS_INDIRECT)
        return 0;
    struct buffer *b = buffer_read(inode->disk.indirect);
    u64 block = ((u32 *)KERNEL(b->page))[i - FS_DIRECT];
    buffer_release(b);
    return block;
}

// Gives the file a block `i`, all zeroes; 0 when the disk or the file is full.
static u64 add_block(struct inode *inode, u64 i) {
    if (i >= FS_DIRECT + FS_INDIRECT)
        return 0;
    if (i >= FS_DIRECT && !inode->disk.indirect && !(inode->disk.indirect = (u32)block_alloc()))
        return 0;
    u64 block = block_alloc();
    if (i < FS_DIRECT) {
        inode->disk.direct[i] = (u32)block;
    } else if (block) {
        struct buffer *b = buffer_read(inode->disk.indirect);
        ((u32 *)KERNEL(b->page))[i - FS_DIRECT] = (u32)block;
        buffer_dirty(b);
        buffer_release(b);
    }
    return block;
}

// Holds the file's block `i`; 0 where it has none.
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
        i64 failed = user_copy((void *)(to + done), KERNEL(b->page + start), n);
        buffer_release(b);
        if (!failed)
            done += n;
        else if (user_bring(to + done, n, MAP_WRITE))
            return -1;
    }
    return (i64)done;
}

// Copies from address `from` to the part of a block from `start` on.  -1 where memory is out, or not the process's.
static int fill(u64 block, u64 start, u64 from, u64 bytes) {
    for (;;) {
        struct buffer *b = buffer_read(block);
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
            block = add_block(inode, at / PAGE_BYTES);
        if (!block || fill(block, start, from + done, n))
            break;
        done += n;
    }
    if (offset + done > inode->disk.bytes)
        inode->disk.bytes = offset + done;
    inode->disk.modified = timer_now();
    inode_store(inode);
    buffer_throttle();
    return done || !bytes ? (i64)done : -1;
}

// Makes the file so many blocks long, with zeroes at its end.  -1, and it is as long as it was, when disk or file is full.
int content_extend(struct inode *inode, u64 blocks) {
    for (u64 i = inode->disk.bytes / PAGE_BYTES; i < blocks; i++)
        if (!content_block(inode, i) && !add_block(inode, i))
            return -1;
    inode->disk.bytes = blocks * PAGE_BYTES;
    inode_store(inode);
    return 0;
}

// Frees every block.  Nobody maps the file.
void content_truncate(struct inode *inode) {
    u64 block;
    for (u64 i = 0; (block = content_block(inode, i)); i++)
        block_free(block);
    if (inode->disk.indirect)
        block_free(inode->disk.indirect);
    inode->disk.bytes = inode->disk.indirect = 0;
    memset(inode->disk.direct, 0, sizeof inode->disk.direct);
    inode->disk.modified = timer_now();
    inode_store(inode);
}
