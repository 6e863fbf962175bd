// The file system, from the bitmap up to names: block.c, inode.c, content.c, directory.c.
#pragma once
#include "kernel.h"

// A file as the disk describes it; tracegen/abi.py has the layout.
struct disk_inode {
    u64 bytes;
    u64 modified; // ns since boot
    u32 links;    // names: 0 for a free inode
    u32 indirect; // block of further block numbers, 0 for none
    u32 direct[FS_DIRECT];
};

static_assert(sizeof(struct disk_inode) == FS_INODE_BYTES, "inodes are as abi.py says");

// The same in memory, while anybody refers to it.
struct inode {
    u64 number;
    u64 references; // 0: not in use
    int locked;     // by a process that reads or changes what follows, and may sleep meanwhile
    int wanted;     // by another, which sleeps
    int loaded;     // it is as on the disk, or newer
    struct disk_inode disk;
};

// block.c
int block_mount(void);
u64 block_alloc(void);
void block_free(u64 block);
u64 block_free_count(void);

// inode.c
struct inode *inode_get(u64 number);
struct inode *inode_share(struct inode *inode);
void inode_put(struct inode *inode);
void inode_lock(struct inode *inode);
void inode_unlock(struct inode *inode);
void inode_store(const struct inode *inode);
u64 inode_alloc(void);
void inode_unlink(u64 number);

// content.c
u64 content_block(const struct inode *inode, u64 i);
i64 content_read(const struct inode *inode, u64 to, u64 offset, u64 bytes);
i64 content_write(struct inode *inode, u64 from, u64 offset, u64 bytes);
void content_truncate(struct inode *inode);

// directory.c
int directory_mount(void);
struct inode *directory_open(const char *name, int create);
int directory_unlink(const char *name);
int directory_rename(const char *from, const char *to);
