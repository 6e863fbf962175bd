// Descriptors: small numbers of a process for files, which processes share.
#include "file.h"
#include "fs.h"
#include "proc.h"

static struct file files[MAX_FILES];
static struct file console = {.kind = CONSOLE, .references = 1};

static void set(struct proc *leader, u64 descriptor, struct file *file) {
    leader->files[descriptor] = file;
    if (descriptor >= leader->descriptors)
        leader->descriptors = descriptor + 1;
}

// The first process's descriptor 1 prints; its children inherit that.
void file_console(struct proc *p) {
    set(p, 1, file_share(&console));
}

struct file *file_share(struct file *file) {
    if (file)
        file->references++;
    return file;
}

// What was written is where others find it, unless it cannot be kept: -1.
static i64 close_inode(struct inode *inode, u64 flags) {
    i64 failed = 0;
    if (flags & OPEN_WRITE) {
        failed = inode_flush(inode);
        inode->writers--;
    }
    inode_put(inode);
    return failed;
}

// Gives up one reference.  The last one's end may take a while, in which `file` becomes another: a file without a name
// goes with it.  -1 where not all that was written to the file could be kept.
i64 file_close(struct file *file) {
    if (!file || --file->references)
        return 0;
    if (file->kind == IN_FILE)
        return close_inode(file->inode, file->flags);
    if (file->kind == SOCKET)
        socket_close(file->socket);
    else
        pipe_close(file->pipe, file->kind == PIPE_IN);
    return 0;
}

struct file *file_of(u64 descriptor) {
    return descriptor < MAX_DESCRIPTORS ? current->file[descriptor] : 0;
}

// Whether a read or a write would not wait.
int file_is_ready(const struct file *file, int write) {
    if (file->kind == SOCKET)
        return socket_is_ready(file->socket, write);
    int is_pipe = file->kind == PIPE_OUT || file->kind == PIPE_IN;
    return !is_pipe || pipe_is_ready(file->pipe, write);
}

// The lowest free descriptor stands for `file` from here on; -1 when there is none.
static i64 describe(struct file *file) {
    for (u64 i = 0; i < MAX_DESCRIPTORS; i++)
        if (!current->file[i]) {
            set(current->leader, i, file);
            return (i64)i;
        }
    return -1;
}

// A descriptor for a file as `made` says; -1 where there are too many of either.
i64 file_describe(struct file made) {
    for (struct file *f = files; f < files + MAX_FILES; f++)
        if (!f->references) {
            i64 descriptor = describe(f);
            if (descriptor >= 0) {
                *f = made;
                f->references = 1;
            }
            return descriptor;
        }
    return -1;
}

// Reads or writes where the file's last user stopped.  Two of them take turns: each finds the place the other left.
static i64 move(struct file *file, u64 user, u64 bytes, int write) {
    if (!(file->flags & (write ? OPEN_WRITE : OPEN_READ)))
        return -1;
    inode_lock(file->inode);
    i64 n = write ? content_write(file->inode, user, file->offset, bytes)
                  : content_read(file->inode, user, file->offset, bytes);
    if (n > 0)
        file->offset += (u64)n;
    inode_unlock(file->inode);
    return n;
}

static i64 write_to(struct file *file, u64 from, u64 bytes) {
    if (file->kind == PIPE_OUT)
        return -1;
    if (file->kind == IN_FILE)
        return move(file, from, bytes, 1);
    if (file->kind == SOCKET)
        return socket_write(file->socket, from, bytes);
    return file->kind == CONSOLE ? console_write(from, bytes) : pipe_write(file->pipe, from, bytes);
}

static i64 read_from(struct file *file, u64 to, u64 bytes) {
    if (file->kind == IN_FILE)
        return move(file, to, bytes, 0);
    if (file->kind == SOCKET)
        return socket_read(file->socket, to, bytes);
    return file->kind == PIPE_OUT ? pipe_read(file->pipe, to, bytes) : -1;
}

// What a descriptor stands for stays there while it is worked on, even if another thread closes it.
static i64 work_on(u64 descriptor, i64 (*work)(struct file *, u64, u64), u64 user, u64 bytes) {
    struct file *file = file_of(descriptor);
    if (!file || !in_user(user, bytes))
        return -1;
    file_share(file);
    i64 done = work(file, user, bytes);
    file_close(file);
    return done;
}

i64 file_write(u64 descriptor, u64 from, u64 bytes) {
    return work_on(descriptor, write_to, from, bytes);
}

i64 file_read(u64 descriptor, u64 to, u64 bytes) {
    return work_on(descriptor, read_from, to, bytes);
}

i64 file_drop(u64 descriptor) {
    struct file *file = file_of(descriptor);
    if (!file)
        return -1;
    current->file[descriptor] = 0;
    return file_close(file);
}

i64 file_dup(u64 descriptor) {
    struct file *file = file_of(descriptor);
    i64 other = file ? describe(file) : -1;
    if (other >= 0)
        file_share(file);
    return other;
}

// `to` means what `descriptor` means; what it meant before is closed.
i64 file_dup2(u64 descriptor, u64 to) {
    struct file *file = file_of(descriptor);
    if (!file || to >= MAX_DESCRIPTORS)
        return -1;
    struct file *before = current->file[to];
    set(current->leader, to, file_share(file));
    file_close(before);
    return (i64)to;
}

// Stores the descriptors of a new pipe's ends at user address `to`.
i64 file_pipe(u64 to) {
    struct pipe *pipe = pipe_create();
    if (!pipe)
        return -1;
    i64 ends[2] = {file_describe((struct file){.kind = PIPE_OUT, .pipe = pipe}),
                   file_describe((struct file){.kind = PIPE_IN, .pipe = pipe})};
    if (ends[0] >= 0 && ends[1] >= 0 && !copy_out(to, ends, sizeof ends))
        return 0;
    for (int i = 0; i < 2; i++) {
        if (ends[i] >= 0)
            file_drop((u64)ends[i]);
        else
            pipe_close(pipe, i == 1);
    }
    return -1;
}
