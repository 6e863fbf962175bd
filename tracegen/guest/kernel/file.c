// Descriptors: small numbers of a process for files, which processes share.
#include "file.h"
#include "proc.h"

static struct file files[MAX_FILES];
static struct file console = {CONSOLE, 1, 0};

// The first process's descriptor 1 prints; its children inherit that.
void file_console(struct file **descriptors) {
    descriptors[1] = file_share(&console);
}

struct file *file_share(struct file *file) {
    if (file)
        file->references++;
    return file;
}

void file_close(struct file *file) {
    if (file && --file->references == 0 && file->pipe)
        pipe_close(file->pipe, file->kind == PIPE_IN);
}

// A file with one reference, or 0 when there are too many.
static struct file *file_create(void) {
    for (struct file *f = files; f < files + MAX_FILES; f++)
        if (!f->references) {
            f->references = 1;
            f->pipe = 0;
            return f;
        }
    return 0;
}

static struct file *file_of(u64 descriptor) {
    return descriptor < MAX_DESCRIPTORS ? current->file[descriptor] : 0;
}

// The lowest free descriptor stands for `file` from here on; -1 when there is none.
static i64 describe(struct file *file) {
    for (u64 i = 0; i < MAX_DESCRIPTORS; i++)
        if (!current->file[i]) {
            current->file[i] = file;
            return (i64)i;
        }
    return -1;
}

static i64 console_write(u64 from, u64 bytes) {
    char chunk[WRITE_CHUNK];
    for (u64 done = 0; done < bytes;) {
        u64 n = bytes - done < WRITE_CHUNK ? bytes - done : WRITE_CHUNK;
        if (user_copy(chunk, (const void *)(from + done), n))
            return -1;
        for (u64 i = 0; i < n; i++)
            print_byte((u8)chunk[i]);
        done += n;
    }
    return (i64)bytes;
}

i64 file_write(u64 descriptor, u64 from, u64 bytes) {
    struct file *file = file_of(descriptor);
    if (!file || file->kind == PIPE_OUT || !in_user(from, bytes))
        return -1;
    return file->kind == CONSOLE ? console_write(from, bytes) : pipe_write(file->pipe, from, bytes);
}

i64 file_read(u64 descriptor, u64 to, u64 bytes) {
    struct file *file = file_of(descriptor);
    if (!file || file->kind != PIPE_OUT || !in_user(to, bytes))
        return -1;
    return pipe_read(file->pipe, to, bytes);
}

i64 file_drop(u64 descriptor) {
    struct file *file = file_of(descriptor);
    if (!file)
        return -1;
    current->file[descriptor] = 0;
    file_close(file);
    return 0;
}

i64 file_dup(u64 descriptor) {
    struct file *file = file_of(descriptor);
    i64 other = file ? describe(file) : -1;
    if (other >= 0)
        file_share(file);
    return other;
}

// A file for one end of `pipe` and a descriptor for it; -1 where there is none of either.
static i64 open_end(struct pipe *pipe, int kind) {
    struct file *file = file_create();
    if (!file)
        return -1;
    file->kind = kind;
    i64 descriptor = describe(file);
    if (descriptor < 0)
        file->references = 0;
    else
        file->pipe = pipe;
    return descriptor;
}

// Stores the descriptors of a new pipe's ends at user address `to`.
i64 file_pipe(u64 to) {
    struct pipe *pipe = pipe_create();
    if (!pipe)
        return -1;
    i64 ends[2] = {open_end(pipe, PIPE_OUT), open_end(pipe, PIPE_IN)};
    if (ends[0] >= 0 && ends[1] >= 0 && in_user(to, sizeof ends) && !user_copy((void *)to, ends, sizeof ends))
        return 0;
    for (int i = 0; i < 2; i++) {
        if (ends[i] >= 0)
            file_drop((u64)ends[i]);
        else
            pipe_close(pipe, i == 1);
    }
    return -1;
}
