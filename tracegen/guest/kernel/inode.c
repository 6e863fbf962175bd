// Inodes: which file is which, on the disk and in memory, and who may work on it.
//
// To refer to an inode keeps it in memory; to lock it keeps others from its content.  A process locks one at a time.  A
// file without a name goes with the last reference.
#include "buffer.h"
#include "fs.h"
#include "param.h"

#define PER_BLOCK (PAGE_BYTES / FS_INODE_BYTES)

static struct inode inodes[MAX_INODES];
static u64 used;             // of them, the first so many; or fewer
static u64 mapped;           // files that some region has
static struct inode table;   // the file of all inodes
static u64 lowest_free = FS_ROOT + 1; // no inode below is free

static struct inode *find(u64 number) {
    for (struct inode *i = inodes; i < inodes + used; i++)
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
    used = inode >= inodes + used ? (u64)(inode - inodes) + 1 : used;
    inode->number = number;
    inode->loaded = 0;
    inode->mapped = inode->running = inode->writers = 0;
    return inode_share(inode);
}

// Also for who has another reference to it, and is not inside the files' guard.
struct inode *inode_share(struct inode *inode) {
    __atomic_fetch_add(&inode->references, 1, __ATOMIC_RELAXED);
    return inode;
}

// Holds the block that has inode `number`, which `*at` points to: of the table, whose own, number 0, is in block 0.
static struct buffer *hold(u64 number, struct disk_inode **at) {
    struct buffer *b = number ? content_buffer(&table, number / PER_BLOCK) : buffer_read(0);
    u64 place = number ? number % PER_BLOCK * FS_INODE_BYTES : FS_TABLE_AT;
    *at = KERNEL(b->page + place);
    return b;
}

// Finds the table of inodes.
void inode_mount(void) {
    struct disk_inode *at;
    struct buffer *b = hold(0, &at);
    memcpy(&table.disk, at, sizeof table.disk);
    buffer_release(b);
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
    if (inode->references == 1 && inode->loaded && !inode->disk.links) {
        content_truncate(inode);
        lowest_free = inode->number < lowest_free ? inode->number : lowest_free;
    }
    __atomic_fetch_sub(&inode->references, 1, __ATOMIC_RELEASE);
}

// Whether one more file may be mapped, so that there is always an inode for what a call works on.
int inode_can_map(const struct inode *inode) {
    return inode->mapped || mapped < MAX_MAPPED;
}

// Whoever maps a file that nobody did is inside the files' guard.
void inode_map(struct inode *inode, u64 program) {
    if (!__atomic_fetch_add(&inode->mapped, 1, __ATOMIC_RELAXED))
        mapped++;
    __atomic_fetch_add(&inode->running, program != 0, __ATOMIC_RELAXED);
}

void inode_unmap(struct inode *inode, u64 program) {
    if (!__atomic_sub_fetch(&inode->mapped, 1, __ATOMIC_RELAXED))
        mapped--;
    __atomic_fetch_sub(&inode->running, program != 0, __ATOMIC_RELAXED);
}

// The first free inode from `number` up in its block of the table gets one name; 0 where there is none.
static u64 take(u64 number, int directory) {
    struct disk_inode *at;
    struct buffer *b = hold(number, &at);
    u64 found = 0;
    do {
        if (number && !at->links && !find(number)) {
            found = number;
            at->links = 1;
            at->directory = (u16)directory;
            at->modified = timer_now();
            buffer_dirty(b);
        }
        at++;
    } while (!found && ++number % PER_BLOCK);
    buffer_release(b);
    return found;
}

// Makes an empty file with one name: its number, or 0 when there are too many.
u64 inode_alloc(int directory) {
    u64 found = 0, most = table.disk.bytes / FS_INODE_BYTES;
    for (u64 at = lowest_free; !found && at < most; at = (at / PER_BLOCK + 1) * PER_BLOCK)
        found = take(at, directory);
    lowest_free = found ? found + 1 : most;
    return found;
}

static void add_links(u64 number, int change) {
    struct inode *inode = inode_get(number);
    inode_lock(inode);
    inode->disk.links = (u16)(inode->disk.links + change);
    inode_store(inode);
    inode_unlock(inode);
    inode_put(inode);
}

// Gives the file one more name.
void inode_link(u64 number) {
    add_links(number, 1);
}

// Takes the file a name.
void inode_unlink(u64 number) {
    add_links(number, -1);
}
