// File systems: what is common to all (path.c, inode.c, content.c), and what each does in its own way.
//
// The disk's are block.c, content.c and directory.c; other machines' is remote.c.
#pragma once
#include "kernel.h"

struct buffer;
struct inode;

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

// What a file system does.  Who gets an inode refers to it; 0 where there is none.  -1 where something cannot be.
struct file_system {
    void (*load)(struct inode *inode);  // finds out what the locked inode says
    void (*store)(const struct inode *inode); // it has changed
    void (*last)(struct inode *inode);  // nobody else refers to it
    int (*flush)(struct inode *inode);  // what was written to the locked inode is where others find it
    u64 (*block)(const struct inode *inode, u64 i); // by which the buffer cache knows page i of the file; 0 for none
    u64 (*add)(struct inode *inode, u64 i); // makes a page i, all zeroes; 0 where the disk or the file is full
    void (*truncate)(struct inode *inode);
    struct inode *(*lookup)(struct inode *directory, const char *name);
    struct inode *(*create)(struct inode *directory, const char *name, int is_directory); // or the file that there is
    int (*remove)(struct inode *directory, const char *name, int is_directory); // an empty one
    int (*rename)(struct inode *source, const char *from, struct inode *target, const char *to, int keep);
};

extern const struct file_system disk_system, remote_system;

// A file in memory, while anybody refers to it, and until its place is needed.
struct inode {
    u64 number;     // of the disk; or, above STATION_SHIFT, another machine's station, and there
    const struct file_system *system;
    struct inode *chain; // the next whose number has the same hash
    u64 references; // 0: may go
    int locked;     // by a process that reads or changes what follows, and may sleep meanwhile
    int wanted;     // by another, which sleeps
    int loaded;     // it is as its file system says, or newer
    int covered;    // by the root of another file system
    u64 mapped;     // by so many regions: their pages are not cut off
    u64 running;    // of them, those of programs that run: nobody writes to it
    u64 writers;    // descriptors that may write to it: it does not run
    struct disk_inode disk;
    // Of another machine's:
    u64 version;    // of the pages that are in memory: others were before somebody else changed the file
    u64 stamp;      // its latest change, as its machine says, that they know of
    u64 told;       // bytes that its machine knows of
    int failed;     // to be written
    u64 hidden;     // number of the directory where it has its last, hidden name: it was removed while in use; 0 where not
};

#define STATION_SHIFT 32

// block.c
int block_mount(void);
u64 block_alloc(void);
void block_free(u64 block);
u64 block_free_count(void);

// inode.c
struct inode *inode_find(u64 number);
struct inode *inode_get(u64 number);
struct inode *inode_live(u64 number);
struct inode *inode_share(struct inode *inode);
void inode_put(struct inode *inode);
void inode_lock(struct inode *inode);
void inode_unlock(struct inode *inode);
int inode_flush(struct inode *inode);
void inode_mount(void);
u64 inode_alloc(int directory);
void inode_link(u64 number);
void inode_unlink(u64 number);
void inode_map(struct inode *inode, u64 program);
void inode_unmap(struct inode *inode, u64 program);
int inode_can_map(const struct inode *inode);
void inode_load(struct inode *inode);
void inode_store(const struct inode *inode);
void inode_last(struct inode *inode);

// content.c
u64 content_block(const struct inode *inode, u64 i);
struct buffer *content_buffer(const struct inode *inode, u64 i);
i64 content_read(const struct inode *inode, u64 to, u64 offset, u64 bytes);
i64 content_write(struct inode *inode, u64 from, u64 offset, u64 bytes);
void content_truncate(struct inode *inode);

// blocks.c
u64 blocks_find(const struct inode *inode, u64 i);
u64 blocks_add(struct inode *inode, u64 i);
void blocks_free(struct inode *inode);
int blocks_extend(struct inode *inode, u64 blocks);

// path.c
int path_mount_disk(void);
int path_mount(const char *path, u64 station);
struct inode *path_open(const char *path, int make);
int path_make(const char *path);
int path_unlink(const char *path, int is_directory);
int path_rename(const char *from, const char *to, int keep);
int path_change(const char *path);
