// A file of the disk: which blocks it has.  The inode is locked.  A file has no holes.
#include "buffer.h"
#include "fs.h"

// The file's block `i`, or 0 where it has none.
u64 blocks_find(const struct inode *inode, u64 i) {
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
u64 blocks_add(struct inode *inode, u64 i) {
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

// Makes the file so many blocks long, with zeroes at its end.  -1, and it is as long as it was, when disk or file is full.
int blocks_extend(struct inode *inode, u64 blocks) {
    for (u64 i = inode->disk.bytes / PAGE_BYTES; i < blocks; i++)
        if (!blocks_find(inode, i) && !blocks_add(inode, i))
            return -1;
    inode->disk.bytes = blocks * PAGE_BYTES;
    inode_store(inode);
    return 0;
}

// Frees every block.  Nobody maps the file.
void blocks_free(struct inode *inode) {
    u64 block;
    for (u64 i = 0; (block = blocks_find(inode, i)); i++)
        block_free(block);
    if (inode->disk.indirect)
        block_free(inode->disk.indirect);
    inode->disk.bytes = inode->disk.indirect = 0;
    memset(inode->disk.direct, 0, sizeof inode->disk.direct);
    inode->disk.modified = timer_now();
    inode_store(inode);
}
