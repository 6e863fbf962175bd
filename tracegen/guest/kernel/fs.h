// The file system, from the bitmap up to names: block.c, inode.c, content.c, directory.c.
#pragma once
#include "kernel.h"

struct buffer;

// A file as the disk describes it; tracegen/abi.py has the layout.
struct disk_inode {
    u64 bytes;
    u64 modified; // ns since boot
    u16 links;    // names: 0 for a free inode
    u16 directory; // 1 for one
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
    u64 mapped;     // by so many regions: their pages are not cut off
    u64 running;    // of them, those of programs that run: nobody writes to it
    u64 writers;    // descriptors that may write to it: it does not run
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
void inode_mount(void);
u64 inode_alloc(int directory);
void inode_link(u64 number);
void inode_unlink(u64 number);
void inode_map(struct inode *inode, u64 program);
void inode_unmap(struct inode *inode, u64 program);
int inode_can_map(const struct inode *inode);

// content.c
u64 content_block(const struct inode *inode, u64 i);
struct buffer *content_buffer(const struct inode *inode, u64 i);
i64 content_read(const struct inode *inode, u64 to, u64 offset, u64 bytes);
i64 content_write(struct inode *inode, u64 from, u64 offset, u64 bytes);
void content_truncate(struct inode *inode);
int content_extend(struct inode *inode, u64 blocks);

// directory.c
int directory_mount(void);
struct inode *directory_open(const char *path, int make);
int directory_make(const char *path);
int directory_unlink(const char *path, int empty);
int directory_rename(const char *from, const char *to, int keep);
int directory_change(const char *path);
