// Paths: names in directories, from the root or from where the process is; and what is mounted where.
#include "fs.h"
#include "nfs.h"
#include "proc.h"

static struct inode *root;
static struct mount {
    struct inode *covered, *root; // for ever
} mounts[MAX_MOUNTS];
static u64 mounted; // of them

int path_mount_disk(void) {
    if (block_mount())
        return -1;
    inode_mount();
    root = inode_get(FS_ROOT); // for ever
    current->leader->directory = inode_share(root);
    return 0;
}

static int is_directory(struct inode *inode) {
    inode_lock(inode);
    int is = inode->disk.directory;
    inode_unlock(inode);
    return is;
}

// What is above the root of a file system is above the directory that it covers.
static struct inode *below(struct inode *directory) {
    for (u64 i = 0; i < mounted; i++)
        if (mounts[i].root == directory)
            return mounts[i].covered;
    return directory;
}

// Refers to what covers a directory that was referred to, if anything does.
static struct inode *above(struct inode *found) {
    if (!found || !found->covered)
        return found;
    u64 i = 0;
    while (mounts[i].covered != found)
        i++;
    inode_put(found);
    return inode_share(mounts[i].root);
}

// Refers to what has this name; 0 where there is nothing.  A directory is its own file ".", or without a name.
static struct inode *lookup(struct inode *directory, const char *name) {
    if (!name[0] || strcmp(name, ".") == 0)
        return is_directory(directory) ? inode_share(directory) : 0;
    if (strcmp(name, "..") == 0)
        directory = below(directory);
    return above(directory->system->lookup(directory, name));
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
        struct inode *next = 0;
        if (n < FS_NAME_BYTES) {
            memcpy(name, path, n);
            memset(name + n, 0, FS_NAME_BYTES - n);
            for (path += n; *path == '/';)
                path++;
            if (!*path)
                return at;
            next = lookup(at, name);
        }
        inode_put(at);
        if (!next)
            return 0;
        at = next;
    }
}

// A name that a process may give and take.
static int is_free_to_use(const char *name) {
    return name[0] && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

// Refers to what is called `path`, making a file first if nothing is there and `make` says so; 0 where it cannot be.
struct inode *path_open(const char *path, int make) {
    char name[FS_NAME_BYTES];
    struct inode *directory = walk(path, name), *found;
    if (!directory)
        return 0;
    if (make && is_free_to_use(name))
        found = above(directory->system->create(directory, name, 0));
    else
        found = lookup(directory, name);
    inode_put(directory);
    return found;
}

int path_make(const char *path) {
    char name[FS_NAME_BYTES];
    struct inode *directory = walk(path, name), *made;
    if (!directory)
        return -1;
    made = is_free_to_use(name) ? directory->system->create(directory, name, 1) : 0;
    if (made)
        inode_put(made);
    inode_put(directory);
    return made ? 0 : -1;
}

// Takes a file its name; or an empty directory.
int path_unlink(const char *path, int is_directory) {
    char name[FS_NAME_BYTES];
    struct inode *directory = walk(path, name);
    if (!directory)
        return -1;
    int failed = !is_free_to_use(name) || directory->system->remove(directory, name, is_directory);
    inode_put(directory);
    return failed ? -1 : 0;
}

// What is called `from` is called `to` from here on; with `keep`, it has both names.  A file that was called so before
// loses that name.
int path_rename(const char *from, const char *to, int keep) {
    char old[FS_NAME_BYTES], new[FS_NAME_BYTES];
    struct inode *source = walk(from, old), *target = walk(to, new);
    int failed = !source || !target || source->number >> STATION_SHIFT != target->number >> STATION_SHIFT ||
                 !is_free_to_use(old) || !is_free_to_use(new) || source->system->rename(source, old, target, new, keep);
    if (source)
        inode_put(source);
    if (target)
        inode_put(target);
    return failed ? -1 : 0;
}

// Names begin at the directory `path` from here on.
int path_change(const char *path) {
    struct inode *to = path_open(path, 0), *before = current->leader->directory;
    if (!to)
        return -1;
    if (!is_directory(to)) {
        inode_put(to);
        return -1;
    }
    current->leader->directory = to;
    inode_put(before);
    return 0;
}

// From here on the files of another machine are below the directory `path` of the disk.  -1 where that cannot be.
int path_mount(const char *path, u64 station) {
    struct inode *covered = path_open(path, 0), *found = 0;
    if (covered && covered->system == &disk_system && covered != root && is_directory(covered) && mounted < MAX_MOUNTS)
        found = remote_mount(station);
    if (found && below(found) == found && mounted < MAX_MOUNTS) { // not mounted elsewhere, nor was one meanwhile
        mounts[mounted++] = (struct mount){covered, found};
        covered->covered = 1;
        return 0;
    }
    if (found)
        inode_put(found);
    if (covered)
        inode_put(covered);
    return -1;
}
