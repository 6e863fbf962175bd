// The directory: names for files, in the order in which there was place.  It is a file, and as long as it can get.
#include "buffer.h"
#include "fs.h"

struct entry {
    u32 number; // of the inode; 0 for a free entry
    char name[FS_NAME_BYTES];
};

static_assert(sizeof(struct entry) == FS_ENTRY_BYTES, "entries are as abi.py says");

#define PER_BLOCK (PAGE_BYTES / FS_ENTRY_BYTES)

static struct inode *root;

int directory_mount(void) {
    if (block_mount())
        return -1;
    root = inode_get(FS_ROOT); // for ever
    return 0;
}

// Of the locked directory, the place of the entry with this name ("": a free one), or -1; and its file's number.
static i64 find(const char *name, u64 *number) {
    for (u64 i = 0; i < root->disk.bytes / PAGE_BYTES; i++) {
        struct buffer *b = buffer_read(content_block(root, i));
        const struct entry *entry = KERNEL(b->page);
        u64 k = 0;
        while (k < PER_BLOCK && (entry[k].name[0] != name[0] || strcmp(entry[k].name, name) != 0))
            k++;
        *number = k < PER_BLOCK ? entry[k].number : 0;
        buffer_release(b);
        if (k < PER_BLOCK)
            return (i64)(i * PER_BLOCK + k);
    }
    return -1;
}

static void set(i64 place, u64 number, const char *name) {
    struct entry entry = {.number = (u32)number};
    memcpy(entry.name, name, strlen(name));
    content_write(root, (u64)&entry, (u64)place * sizeof entry, sizeof entry);
}

// A new file under a name that there was not: its number, or 0.  There is an entry for each inode.
static u64 create_file(const char *name) {
    u64 none, number = inode_alloc();
    if (number)
        set(find("", &none), number, name);
    return number;
}

// Refers to the file called `name`, making it first if it is not there and `create` says so; 0 where it cannot be.
struct inode *directory_open(const char *name, int create) {
    u64 number;
    inode_lock(root);
    if (find(name, &number) < 0)
        number = create ? create_file(name) : 0;
    struct inode *inode = number ? inode_get(number) : 0;
    inode_unlock(root);
    return inode;
}

int directory_unlink(const char *name) {
    u64 number;
    inode_lock(root);
    i64 place = find(name, &number);
    if (place >= 0)
        set(place, 0, "");
    inode_unlock(root);
    if (place >= 0)
        inode_unlink(number);
    return place < 0 ? -1 : 0;
}

// The file called `from` is called `to` from here on.  One that was called so before loses its name.
int directory_rename(const char *from, const char *to) {
    u64 number, replaced;
    inode_lock(root);
    i64 old = find(from, &number), new = find(to, &replaced);
    if (old >= 0 && old != new) {
        set(old, new < 0 ? number : 0, new < 0 ? to : "");
        if (new >= 0)
            set(new, number, to);
    }
    inode_unlock(root);
    if (old >= 0 && new >= 0 && old != new)
        inode_unlink(replaced);
    return old < 0 ? -1 : 0;
}
