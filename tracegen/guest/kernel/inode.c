// Inodes: which file is which, on the disk and in memory, and who may work on it.
//
// To refer to an inode keeps it in memory; to lock it keeps others from its content.  A process locks one file, and
// the directory before that.  A file without a name goes with the last reference.
#include "buffer.h"
#include "fs.h"
#include "param.h"

#define PER_BLOCK (PAGE_BYTES / FS_INODE_BYTES)

static struct inode inodes[MAX_INODES];

static struct inode *find(u64 number) {
    for (struct inode *i = inodes; i < inodes + MAX_INODES; i++)
        if (i->references && i->number == number)
            return i;
    return 0;
}

// Refers to an inode.  MAX_INODES is as many as all processes together can refer to.
struct inode *inode_get(u64 number) {
    struct inode *inode = find(number);
    if (inode)
        return inode_share(inode);
    for (inode = inodes; inode->references; inode++)
        ;
    inode->number = number;
    inode->loaded = 0;
    return inode_share(inode);
}

struct inode *inode_share(struct inode *inode) {
    inode->references++;
    return inode;
}

// Holds the block of the table that has inode `number`, which `*at` points to.
static struct buffer *hold(u64 number, struct disk_inode **at) {
    struct buffer *b = buffer_read(FS_TABLE + number / PER_BLOCK);
    *at = (struct disk_inode *)KERNEL(b->page) + number % PER_BLOCK;
    return b;
}

void inode_lock(struct inode *inode) {
    while (inode->locked) {
        inode->wanted = 1;
        sleep(inode);
    }
    inode->locked = 1;
    if (inode->loaded)
        return;
    struct disk_inode *at;
    struct buffer *b = hold(inode->number, &at);
    inode->disk = *at;
    inode->loaded = 1;
    buffer_release(b);
}

void inode_unlock(struct inode *inode) {
    inode->locked = 0;
    if (inode->wanted)
        wake(inode);
    inode->wanted = 0;
}

// Brings the table up to date.
void inode_store(const struct inode *inode) {
    struct disk_inode *at;
    struct buffer *b = hold(inode->number, &at);
    *at = inode->disk;
    buffer_dirty(b);
    buffer_release(b);
}

// Gives up a reference.  Nobody can come by a new one to a file without a name: the last one's holder is alone.
void inode_put(struct inode *inode) {
    if (inode->references == 1 && inode->loaded && !inode->disk.links)
        content_truncate(inode);
    inode->references--;
}

// Makes an empty file with one name: its number, or 0 when there are too many.
u64 inode_alloc(void) {
    for (u64 number = FS_ROOT + 1; number < FS_INODES;) {
        struct disk_inode *at;
        struct buffer *b = hold(number, &at);
        do {
            if (!at->links && !find(number)) {
                at->links = 1;
                at->modified = timer_now();
                buffer_dirty(b);
                buffer_release(b);
                return number;
            }
            at++;
        } while (++number % PER_BLOCK);
        buffer_release(b);
    }
    return 0;
}

// Takes the file its name.
void inode_unlink(u64 number) {
    struct inode *inode = inode_get(number);
    inode_lock(inode);
    inode->disk.links = 0;
    inode_store(inode);
    inode_unlock(inode);
    inode_put(inode);
}
