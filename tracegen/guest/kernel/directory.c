// Directories: files of names.  A name lies in the block that its hash tells, so that one block is looked at, however
// many there are; a directory whose block is full gets twice as many, and each old one is split in two.
//
// One process at a time works on names of the disk.  It locks a directory while it reads or changes it, and no second inode then.
#include "buffer.h"
#include "fs.h"
#include "proc.h"

struct entry {
    u32 number; // of the inode; 0 for a free entry
    char name[FS_NAME_BYTES];
};

static_assert(sizeof(struct entry) == FS_ENTRY_BYTES, "entries are as abi.py says");

#define PER_BLOCK (PAGE_BYTES / FS_ENTRY_BYTES)

static int taken; // by a process that works on names

static void names_lock(void) {
    while (taken)
        sleep(&taken);
    taken = 1;
}

static void names_unlock(void) {
    taken = 0;
    wake(&taken);
}

// As tracegen/filesystem.py has it.
static u64 hash(const char *name) {
    u32 h = 2166136261;
    while (*name)
        h = (h ^ (u8)*name++) * 16777619;
    return h ^ h >> 16;
}

static u64 blocks_of(const struct inode *directory) {
    return directory->disk.bytes / PAGE_BYTES;
}

// The first block of the locked directory that may have `name`, and the number of such blocks is one.
static u64 block_for(const struct inode *directory, const char *name) {
    return hash(name) & (blocks_of(directory) - 1);
}

// The place of the entry with this name, and its file's number; without a name, of a free entry in the name's block.
// -1 where there is none.
static i64 find(const struct inode *directory, u64 block, const char *name, u64 *number) {
    struct buffer *b = content_buffer(directory, block);
    const struct entry *entry = KERNEL(b->page);
    u64 k = 0;
    while (k < PER_BLOCK && (name ? !entry[k].number || strcmp(entry[k].name, name) != 0 : entry[k].number != 0))
        k++;
    *number = k < PER_BLOCK ? entry[k].number : 0;
    buffer_release(b);
    return k < PER_BLOCK ? (i64)(block * PER_BLOCK + k) : -1;
}

static void set(struct inode *directory, i64 place, u64 number, const char *name) {
    struct entry entry = {.number = (u32)number};
    memcpy(entry.name, name, strlen(name));
    content_write(directory, (u64)&entry, (u64)place * sizeof entry, sizeof entry);
}

// Moves what belongs into the upper half to the same place there.
static void split(struct inode *directory, u64 block, u64 half) {
    for (u64 k = 0; k < PER_BLOCK; k++) {
        struct entry entry;
        u64 at = block * PER_BLOCK + k;
        content_read(directory, (u64)&entry, at * sizeof entry, sizeof entry);
        if (!entry.number || block_for(directory, entry.name) == block)
            continue;
        set(directory, (i64)(at + half * PER_BLOCK), entry.number, entry.name);
        set(directory, (i64)at, 0, "");
    }
}

// Twice as many blocks.  -1 when the disk or the directory is full.
static int grow(struct inode *directory) {
    u64 half = blocks_of(directory);
    if (blocks_extend(directory, 2 * half))
        return -1;
    for (u64 i = 0; i < half; i++)
        split(directory, i, half);
    return 0;
}

// Adds a name that there is not.  -1 where it cannot be: also in a directory that was removed.
static int insert(struct inode *directory, const char *name, u64 number) {
    u64 none;
    i64 place;
    inode_lock(directory);
    int failed = !directory->disk.links;
    while (!failed && (place = find(directory, block_for(directory, name), 0, &none)) < 0)
        failed = grow(directory);
    if (!failed)
        set(directory, place, number, name);
    inode_unlock(directory);
    return failed;
}

static void remove(struct inode *directory, const char *name) {
    u64 number;
    inode_lock(directory);
    set(directory, find(directory, block_for(directory, name), name, &number), 0, "");
    inode_unlock(directory);
}

// The number of the file with this name, or 0.
static u64 lookup(struct inode *directory, const char *name) {
    u64 number = 0;
    inode_lock(directory);
    if (directory->disk.directory)
        find(directory, block_for(directory, name), name, &number);
    inode_unlock(directory);
    return number;
}

static struct inode *directory_lookup(struct inode *directory, const char *name) {
    names_lock();
    u64 number = lookup(directory, name);
    struct inode *found = number ? inode_get(number) : 0;
    names_unlock();
    return found;
}

// Makes a file or a directory that has one name.  Its number, or 0.
static u64 create(struct inode *directory, const char *name, int is_directory) {
    u64 number = directory->disk.directory ? inode_alloc(is_directory) : 0;
    if (!number)
        return 0;
    int failed = 0;
    if (is_directory) {
        struct inode *made = inode_get(number);
        inode_lock(made);
        failed = blocks_extend(made, 1);
        inode_unlock(made);
        failed = failed || insert(made, "..", directory->number);
        inode_put(made);
    }
    if (!failed && insert(directory, name, number) == 0)
        return number;
    inode_unlink(number);
    return 0;
}

static struct inode *directory_create(struct inode *directory, const char *name, int is_directory) {
    names_lock();
    u64 number = lookup(directory, name);
    if (!number)
        number = create(directory, name, is_directory);
    else if (is_directory)
        number = 0;
    struct inode *made = number ? inode_get(number) : 0;
    names_unlock();
    return made;
}

// Whether a directory has no name but the one of its parent.
static int is_empty(struct inode *directory) {
    inode_lock(directory);
    u64 names = 0;
    for (u64 at = 0; at < directory->disk.bytes; at += PAGE_BYTES) {
        struct buffer *b = content_buffer(directory, at / PAGE_BYTES);
        const struct entry *entry = KERNEL(b->page);
        for (u64 k = 0; k < PER_BLOCK; k++)
            names += entry[k].number != 0;
        buffer_release(b);
    }
    inode_unlock(directory);
    return names == 1;
}

// Whether what has this number is a directory.
static int is_directory(u64 number) {
    struct inode *inode = inode_get(number);
    inode_lock(inode);
    int is = inode->disk.directory;
    inode_unlock(inode);
    inode_put(inode);
    return is;
}

// Whether the name of a file, or of an empty directory, can be taken from it.
static int may_go(struct inode *inode, int as_directory) {
    return is_directory(inode->number) == as_directory && !inode->covered && (!as_directory || is_empty(inode));
}

static int directory_remove(struct inode *directory, const char *name, int as_directory) {
    names_lock();
    u64 number = lookup(directory, name);
    struct inode *inode = number ? inode_get(number) : 0;
    int failed = !inode || !may_go(inode, as_directory);
    if (!failed) {
        remove(directory, name);
        inode_unlink(number);
    }
    names_unlock();
    if (inode)
        inode_put(inode);
    return failed ? -1 : 0;
}

// `number`, which is called `from` in one directory, is called `to` in another, too.  -1, and nothing has changed, where
// that cannot be.
static int rename(struct inode *source, const char *from, struct inode *target, const char *to, int keep) {
    u64 number = lookup(source, from), replaced = lookup(target, to);
    if (!number || (keep && replaced) || (is_directory(number) && (keep || replaced || source != target)))
        return -1;
    if (number == replaced)
        return 0;
    if (replaced && is_directory(replaced))
        return -1;
    if (replaced)
        remove(target, to);
    if (insert(target, to, number))
        return -1; // there is place where one was removed: nothing was
    if (replaced)
        inode_unlink(replaced);
    if (keep)
        inode_link(number);
    else
        remove(source, from);
    return 0;
}

static int directory_rename(struct inode *source, const char *from, struct inode *target, const char *to, int keep) {
    names_lock();
    int failed = rename(source, from, target, to, keep);
    names_unlock();
    return failed;
}

// What is written is at once what others see.
static int flush(struct inode *) {
    return 0;
}

const struct file_system disk_system = {
    .load = inode_load,
    .store = inode_store,
    .last = inode_last,
    .flush = flush,
    .block = blocks_find,
    .add = blocks_add,
    .truncate = blocks_free,
    .lookup = directory_lookup,
    .create = directory_create,
    .remove = directory_remove,
    .rename = directory_rename,
};
