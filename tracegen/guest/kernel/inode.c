// Inodes: which file is which, on the disk and in memory, and who may work on it.
//
// To refer to an inode keeps it in memory; to lock it keeps others from its content.  A process locks one at a time.  A
// file without a name goes with the last reference.  One that nobody refers to stays until its place is needed.
#include "buffer.h"
#include "fs.h"
#include "param.h"

#define PER_BLOCK (PAGE_BYTES / FS_INODE_BYTES)

#define CHAINS 64

static struct inode inodes[MAX_INODES];
static struct inode *chains[CHAINS]; // those that have a number
static u64 latest;                   // place that was given away last
static u64 mapped;                   // files that some region has
static struct inode table = {.system = &disk_system}; // the file of all inodes
static u64 lowest_free = FS_ROOT + 1; // no inode below is free

static struct inode **chain_of(u64 number) {
    return chains + number % CHAINS;
}

// The inode in memory, whether or not anybody refers to it; 0 where it is not there.
struct inode *inode_find(u64 number) {
    struct inode *inode = *chain_of(number);
    while (inode && inode->number != number)
        inode = inode->chain;
    return inode;
}

static int is_in_use(u64 number) {
    const struct inode *inode = inode_find(number);
    return inode && inode->references;
}

// A place that nobody refers to, which is no inode's any more.  Those that were used long ago go first.
static struct inode *empty(void) {
    do
        latest = (latest + 1) % MAX_INODES;
    while (inodes[latest].references);
    struct inode *inode = inodes + latest, **link = chain_of(inode->number);
    while (*link && *link != inode)
        link = &(*link)->chain;
    if (*link)
        *link = inode->chain;
    memset(inode, 0, sizeof *inode);
    return inode;
}

// Refers to an inode.  MAX_INODES is as many as all processes together can refer to.
struct inode *inode_get(u64 number) {
    struct inode *inode = inode_find(number);
    if (!inode) {
        inode = empty();
        inode->number = number;
        inode->system = number >> STATION_SHIFT ? &remote_system : &disk_system;
        inode->chain = *chain_of(number);
        *chain_of(number) = inode;
    }
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
    if (!inode->loaded)
        inode->system->load(inode);
    inode->loaded = 1;
}

void inode_unlock(struct inode *inode) {
    inode->locked = 0;
    if (inode->wanted)
        wake(inode);
    inode->wanted = 0;
}

// Where others look for it, what was written is found.  -1 where it could not be.
int inode_flush(struct inode *inode) {
    inode_lock(inode);
    int failed = inode->system->flush(inode);
    inode_unlock(inode);
    return failed;
}

// Gives up a reference.  Nobody can come by a new one to a file without a name: the last one's holder is alone.
void inode_put(struct inode *inode) {
    if (inode->references == 1)
        inode->system->last(inode);
    __atomic_fetch_sub(&inode->references, 1, __ATOMIC_RELEASE);
}

// Refers to the disk's file with this number; 0 where there is none.
struct inode *inode_live(u64 number) {
    if (!number || number >= table.disk.bytes / FS_INODE_BYTES)
        return 0;
    struct inode *inode = inode_get(number);
    inode_lock(inode);
    int is_there = inode->disk.links != 0;
    inode_unlock(inode);
    if (is_there)
        return inode;
    inode_put(inode);
    return 0;
}

// Of the disk: what the table says.
void inode_load(struct inode *inode) {
    struct disk_inode *at;
    struct buffer *b = hold(inode->number, &at);
    inode->disk = *at;
    buffer_release(b);
}

// Of the disk: brings the table up to date.
void inode_store(const struct inode *inode) {
    struct disk_inode *at;
    struct buffer *b = hold(inode->number, &at);
    *at = inode->disk;
    buffer_dirty(b);
    buffer_release(b);
}

// Of the disk: a file without a name goes.
void inode_last(struct inode *inode) {
    if (inode->loaded && !inode->disk.links) {
        blocks_free(inode);
        lowest_free = inode->number < lowest_free ? inode->number : lowest_free;
    }
    inode->loaded = 0;
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
        if (number && !at->links && !is_in_use(number)) {
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
