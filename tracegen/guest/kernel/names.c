// System calls that take names of files; and those that need to know which file a descriptor means.
#include "file.h"
#include "fs.h"
#include "proc.h"

struct status { // of a file, as the user gets it
    u64 bytes, modified, number, links, directory;
};

// Copies a path from user address `from`.  -1 where there is none, or a longer one than can be.
static i64 copy_name(char *to, u64 from) {
    return copy_text(to, from, PATH_BYTES) > 0 ? 0 : -1;
}

i64 file_open(u64 name, u64 flags) {
    char text[PATH_BYTES];
    if (copy_name(text, name) || !(flags & (OPEN_READ | OPEN_WRITE)))
        return -1;
    struct inode *inode = path_open(text, flags & OPEN_CREATE);
    if (!inode)
        return -1;
    i64 descriptor = -1;
    inode_lock(inode);
    if (!(flags & (OPEN_WRITE | OPEN_TRUNCATE) && (inode->running || inode->disk.directory)) && !(flags & OPEN_TRUNCATE && inode->mapped))
        descriptor = file_describe((struct file){.kind = IN_FILE, .inode = inode, .flags = flags});
    if (descriptor >= 0) {
        inode->writers += (flags & OPEN_WRITE) != 0;
        if (flags & OPEN_TRUNCATE)
            content_truncate(inode);
    }
    inode_unlock(inode);
    if (descriptor < 0)
        inode_put(inode);
    return descriptor;
}

// Where the next byte is read or written: anywhere up to the end.
i64 file_seek(u64 descriptor, u64 offset) {
    struct file *file = file_of(descriptor);
    if (!file || file->kind != IN_FILE)
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

static i64 tell(struct inode *inode, u64 to) {
    inode_lock(inode);
    const struct disk_inode *disk = &inode->disk;
    struct status status = {disk->bytes, disk->modified, inode->number, disk->links, disk->directory};
    inode_unlock(inode);
    return copy_out(to, &status, sizeof status);
}

i64 file_stat(u64 name, u64 to) {
    char text[PATH_BYTES];
    struct inode *inode = copy_name(text, name) ? 0 : path_open(text, 0);
    if (!inode)
        return -1;
    i64 failed = tell(inode, to);
    inode_put(inode);
    return failed;
}

i64 file_fstat(u64 descriptor, u64 to) {
    const struct file *file = file_of(descriptor);
    return file && file->kind == IN_FILE ? tell(file->inode, to) : -1;
}

i64 file_unlink(u64 name) {
    char text[PATH_BYTES];
    return copy_name(text, name) ? -1 : path_unlink(text, 0);
}

i64 file_rename(u64 from, u64 to) {
    char before[PATH_BYTES], after[PATH_BYTES];
    return copy_name(before, from) || copy_name(after, to) ? -1 : path_rename(before, after, 0);
}

i64 file_link(u64 from, u64 to) {
    char before[PATH_BYTES], after[PATH_BYTES];
    return copy_name(before, from) || copy_name(after, to) ? -1 : path_rename(before, after, 1);
}

i64 file_mkdir(u64 name) {
    char text[PATH_BYTES];
    return copy_name(text, name) ? -1 : path_make(text);
}

i64 file_rmdir(u64 name) {
    char text[PATH_BYTES];
    return copy_name(text, name) ? -1 : path_unlink(text, 1);
}

// The files of another machine, which serves them, are below the directory `name` from here on.
i64 file_mount(u64 station, u64 name) {
    char text[PATH_BYTES];
    return copy_name(text, name) ? -1 : path_mount(text, station);
}

i64 file_chdir(u64 name) {
    char text[PATH_BYTES];
    return copy_name(text, name) ? -1 : path_change(text);
}
