// Directories: files of names.  A name lies in the block that its hash tells, so that one block is looked at, however
// many there are; a directory whose block is full gets twice as many, and each old one is split in two.
//
// One process at a time works on names.  It locks a directory while it reads or changes it, and no second inode then.
#include "buffer.h"
#include "fs.h"
#include "proc.h"

struct entry {
    u32 number; // of the inode; 0 for a free entry
    char name[FS_NAME_BYTES];
};

static_assert(sizeof(struct entry) == FS_ENTRY_BYTES, "entries are as abi.py says");

#define PER_BLOCK (PAGE_BYTES / FS_ENTRY_BYTES)

static struct inode *root;
static int taken; // by a process that works on names

int directory_mount(void) {
    if (block_mount())
        return -1;
    inode_mount();
    root = inode_get(FS_ROOT); // for ever
    current->leader->directory = inode_share(root);
    return 0;
}

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
    if (content_extend(directory, 2 * half))
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

// The number of the file with this name, or 0.  A directory is its own file ".", or without a name.
static u64 lookup(struct inode *directory, const char *name) {
    u64 number = 0;
    inode_lock(directory);
    if (!directory->disk.directory)
        number = 0;
    else if (!name[0] || strcmp(name, ".") == 0)
        number = directory->number;
    else
        find(directory, block_for(directory, name), name, &number);
    inode_unlock(directory);
    return number;
}

// Refers to the directory that the last part of `path` is a name in, and copies that part.  0 where there is none.
static struct inode *walk(const char *path, char *name) {
    struct inode *at = inode_share(*path == '/' ? root : current->leader->directory);
    for (;;) {
        u64 n = 0;
        while (*path == '/')
            path++;
        while (path[n] && path[n] != '/')
            n++;
        u64 number = 0;
        if (n < FS_NAME_BYTES) {
            memcpy(name, path, n);
            memset(name + n, 0, FS_NAME_BYTES - n);
            for (path += n; *path == '/';)
                path++;
            if (!*path)
                return at;
            number = lookup(at, name);
        }
        inode_put(at);
        if (!number)
            return 0;
        at = inode_get(number);
    }
}

// A name that a process may give and take.
static int is_free_to_use(const char *name) {
    return name[0] && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

// Makes a file or a directory that has one name.  Its number, or 0.
static u64 create(struct inode *directory, const char *name, int is_directory) {
    u64 number = is_free_to_use(name) && directory->disk.directory ? inode_alloc(is_directory) : 0;
    if (!number)
        return 0;
    int failed = 0;
    if (is_directory) {
        struct inode *made = inode_get(number);
        inode_lock(made);
        failed = content_extend(made, 1);
        inode_unlock(made);
        failed = failed || insert(made, "..", directory->number);
        inode_put(made);
    }
    if (!failed && insert(directory, name, number) == 0)
        return number;
    inode_unlink(number);
    return 0;
}

// Refers to what is called `path`, making a file first if nothing is there and `make` says so; 0 where it cannot be.
struct inode *directory_open(const char *path, int make) {
    char name[FS_NAME_BYTES];
    u64 number = 0;
    names_lock();
    struct inode *directory = walk(path, name);
    if (directory) {
        number = lookup(directory, name);
        if (!number && make)
            number = create(directory, name, 0);
        inode_put(directory);
    }
    struct inode *inode = number ? inode_get(number) : 0;
    names_unlock();
    return inode;
}

int directory_make(const char *path) {
    char name[FS_NAME_BYTES];
    names_lock();
    struct inode *directory = walk(path, name);
    int failed = !directory || lookup(directory, name) || !create(directory, name, 1);
    if (directory)
        inode_put(directory);
    names_unlock();
    return failed ? -1 : 0;
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

// Takes a file its name; or, where `empty` says so, an empty directory.
int directory_unlink(const char *path, int empty) {
    char name[FS_NAME_BYTES];
    names_lock();
    struct inode *directory = walk(path, name);
    u64 number = directory && is_free_to_use(name) ? lookup(directory, name) : 0;
    struct inode *inode = number ? inode_get(number) : 0;
    int failed = !inode || is_directory(number) != empty || (empty && !is_empty(inode));
    if (!failed) {
        remove(directory, name);
        inode_unlink(number);
    }
    names_unlock();
    if (inode)
        inode_put(inode);
    if (directory)
        inode_put(directory);
    return failed ? -1 : 0;
}

// `number`, which is called `from` in one directory, is called `to` in another, too.  -1, and nothing has changed, where
// that cannot be.
static int rename(struct inode *source, const char *from, struct inode *target, const char *to, int keep) {
    if (!is_free_to_use(from) || !is_free_to_use(to))
        return -1;
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

// What is called `from` is called `to` from here on; with `keep`, it has both names.  A file that was called so before
// loses that name.
int directory_rename(const char *from, const char *to, int keep) {
    char old[FS_NAME_BYTES], new[FS_NAME_BYTES];
    names_lock();
    struct inode *source = walk(from, old), *target = walk(to, new);
    int failed = !source || !target || rename(source, old, target, new, keep);
    names_unlock();
    if (source)
        inode_put(source);
    if (target)
        inode_put(target);
    return failed ? -1 : 0;
}

// Names begin at the directory `path` from here on.
int directory_change(const char *path) {
    struct inode *to = directory_open(path, 0), *before = current->leader->directory;
    if (!to)
        return -1;
    if (!is_directory(to->number)) {
        inode_put(to);
        return -1;
    }
    current->leader->directory = to;
    inode_put(before);
    return 0;
}
