// System calls that take names of files; and those that need to know which file a descriptor means.
#include "file.h"
#include "fs.h"
#include "proc.h"

struct status { // of a file, as the user gets it
    u64 bytes, modified, number;
};

// Copies a file's name from user address `from`.  -1 where there is none, or a longer one than files can have.
static i64 copy_name(char *to, u64 from) {
    return copy_text(to, from, FS_NAME_BYTES) > 0 ? 0 : -1;
}

i64 file_open(u64 name, u64 flags) {
    char text[FS_NAME_BYTES];
    if (copy_name(text, name) || !(flags & (OPEN_READ | OPEN_WRITE)))
        return -1;
    struct inode *inode = directory_open(text, flags & OPEN_CREATE);
    if (!inode)
        return -1;
    i64 descriptor = file_describe((struct file){.kind = ON_DISK, .inode = inode, .flags = flags});
    if (descriptor < 0) {
        inode_put(inode);
    } else if (flags & OPEN_TRUNCATE) {
        inode_lock(inode);
        content_truncate(inode);
        inode_unlock(inode);
    }
    return descriptor;
}

// Where the next byte is read or written: anywhere up to the end.
i64 file_seek(u64 descriptor, u64 offset) {
    struct file *file = file_of(descriptor);
    if (!file || file->kind != ON_DISK)
        return -1;
    file_share(file);
    inode_lock(file->inode);
    int inside = offset <= file->inode->disk.bytes;
    if (inside)
        file->offset = offset;
    inode_unlock(file->inode);
    file_close(file);
    return inside ? (i64)offset : -1;
}

i64 file_stat(u64 name, u64 to) {
    char text[FS_NAME_BYTES];
    struct inode *inode = copy_name(text, name) ? 0 : directory_open(text, 0);
    if (!inode)
        return -1;
    inode_lock(inode);
    struct status status = {inode->disk.bytes, inode->disk.modified, inode->number};
    inode_unlock(inode);
    inode_put(inode);
    return in_user(to, sizeof status) ? user_copy((void *)to, &status, sizeof status) : -1;
}

i64 file_unlink(u64 name) {
    char text[FS_NAME_BYTES];
    return copy_name(text, name) ? -1 : directory_unlink(text);
}

i64 file_rename(u64 from, u64 to) {
    char before[FS_NAME_BYTES], after[FS_NAME_BYTES];
    return copy_name(before, from) || copy_name(after, to) ? -1 : directory_rename(before, after);
}
