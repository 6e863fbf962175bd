// What a client asks for.  It does not ask for what cannot be: it turns to another file, or does without.
#include "dbench.h"

static u64 buffer[WORDS];

static const char *name_of(const struct client *c, u64 file) {
    static char name[2 * NUMBER_BYTES + 2];
    name[0] = 'c';
    char *end = format_number(name + 1, c->index, 10);
    *end++ = 'f';
    format_number(end, file, 10);
    return name;
}

static void expect(struct client *c, int holds) {
    c->wrong += !holds;
}

// A file by chance, or the next one that is as asked; 0 where none is.
enum wanted { ANY, THERE, GONE, OPEN_NOW, CLOSED };

static int is(const struct known *file, enum wanted wanted) {
    switch (wanted) {
    case THERE:
        return file->exists;
    case GONE:
        return !file->exists;
    case OPEN_NOW:
        return file->descriptor >= 0;
    case CLOSED:
        return file->descriptor < 0;
    default:
        return 1;
    }
}

static struct known *choose(struct client *c, enum wanted wanted) {
    u64 first = below(&c->state, FILES);
    for (u64 i = 0; i < FILES; i++)
        if (is(c->file + (first + i) % FILES, wanted))
            return c->file + (first + i) % FILES;
    return 0;
}

static u64 number_of(const struct client *c, const struct known *file) {
    return (u64)(file - c->file);
}

static void shut(struct client *c, struct known *file) {
    expect(c, sys_close(file->descriptor) == 0);
    file->descriptor = -1;
    c->open--;
}

static u64 word_at(const struct known *file, u64 offset) {
    return file->mark << 32 | offset;
}

// A file that is not there is made; one that is gets emptied now and then.
void open_or_make(struct client *c) {
    struct known *file = choose(c, CLOSED);
    if (c->open == MOST_OPEN || !file)
        return;
    int fresh = !file->exists || below(&c->state, 4) == 0;
    file->descriptor = sys_open(name_of(c, number_of(c, file)),
                                OPEN_READ | OPEN_WRITE | (fresh ? OPEN_CREATE | OPEN_TRUNCATE : 0));
    expect(c, file->descriptor >= 0);
    c->open++;
    file->exists = 1;
    if (fresh) {
        file->bytes = 0;
        file->mark = c->index << 24 | ++c->made;
    }
}

void close_one(struct client *c) {
    struct known *file = choose(c, OPEN_NOW);
    if (file)
        shut(c, file);
}

static void check_words(struct client *c, const struct known *file, u64 from, u64 bytes) {
    for (u64 i = 0; i < bytes / sizeof *buffer; i++)
        expect(c, buffer[i] == word_at(file, from + i * sizeof *buffer));
    c->digest = mix(c->digest, bytes ? buffer[bytes / sizeof *buffer - 1] : 0);
}

static void read_at(struct client *c, const struct known *file, u64 from, u64 bytes) {
    u64 left = file->bytes - from;
    expect(c, sys_seek(file->descriptor, from) == (i64)from);
    i64 n = sys_read(file->descriptor, buffer, bytes);
    expect(c, n == (i64)(bytes < left ? bytes : left));
    check_words(c, file, from, n > 0 ? (u64)n : 0);
}

static u64 some_bytes(struct client *c) {
    return (1 + below(&c->state, WORDS)) * sizeof(u64);
}

void read_some(struct client *c) {
    struct known *file = choose(c, OPEN_NOW);
    if (file)
        read_at(c, file, below(&c->state, file->bytes / sizeof(u64) + 1) * sizeof(u64), some_bytes(c));
}

// Anywhere up to the file's end, which moves on.
void write_some(struct client *c) {
    struct known *file = choose(c, OPEN_NOW);
    if (!file)
        return;
    u64 from = below(&c->state, file->bytes / sizeof(u64) + 1) * sizeof(u64), bytes = some_bytes(c);
    if (from + bytes > MOST_BYTES)
        bytes = MOST_BYTES - from;
    for (u64 i = 0; i < bytes / sizeof(u64); i++)
        buffer[i] = word_at(file, from + i * sizeof(u64));
    expect(c, sys_seek(file->descriptor, from) == (i64)from);
    expect(c, sys_write(file->descriptor, buffer, bytes) == (i64)bytes);
    if (from + bytes > file->bytes)
        file->bytes = from + bytes;
}

static void look_up(struct client *c, const struct known *file) {
    struct stat found;
    memset(&found, 0, sizeof found);
    i64 result = sys_stat(name_of(c, number_of(c, file)), &found);
    expect(c, file->exists ? result == 0 && found.bytes == file->bytes : result == -1);
}

void path_info(struct client *c) {
    look_up(c, choose(c, ANY));
}

void file_info(struct client *c) {
    const struct known *file = choose(c, OPEN_NOW);
    if (file)
        look_up(c, file);
}

// What NetBench sets, a time, is not there to be set: the file's place is.
void set_info(struct client *c) {
    const struct known *file = choose(c, OPEN_NOW);
    if (file)
        expect(c, sys_seek(file->descriptor, 0) == 0);
}

void disk_info(struct client *c) {
    expect(c, sys_freeblocks() > 0);
}

// Every name is asked for, as a listing does.
void find(struct client *c) {
    for (u64 i = 0; i < FILES; i++)
        look_up(c, c->file + i);
}

void flush(struct client *c) {
    expect(c, sys_sync() == 0);
}

static void remove(struct client *c, struct known *file) {
    if (file->descriptor >= 0)
        shut(c, file);
    expect(c, sys_unlink(name_of(c, number_of(c, file))) == 0);
    file->exists = 0;
    file->bytes = 0;
}

void remove_one(struct client *c) {
    struct known *file = choose(c, THERE);
    if (file)
        remove(c, file);
}

// A file that is closed takes over a name without one.
void rename_one(struct client *c) {
    struct known *to = choose(c, GONE), *from = choose(c, THERE);
    if (!to || !from || from->descriptor >= 0)
        return;
    char old[2 * NUMBER_BYTES + 2];
    const char *name = name_of(c, number_of(c, from));
    memcpy(old, name, strlen(name) + 1);
    expect(c, sys_rename(old, name_of(c, number_of(c, to))) == 0);
    *to = *from;
    from->exists = 0;
    from->bytes = 0;
}

// A client's files lie in a directory of its own.
static const char *folder_of(const struct client *c) {
    static char name[7 + NUMBER_BYTES] = "client";
    format_number(name + 6, c->index, 10);
    return name;
}

void client_begin(struct client *c, u64 index) {
    memset(c, 0, sizeof *c);
    c->index = index;
    c->state = seeded(index);
    c->digest = DIGEST;
    for (u64 i = 0; i < FILES; i++)
        c->file[i].descriptor = -1;
    expect(c, sys_mkdir(folder_of(c)) == 0 && sys_chdir(folder_of(c)) == 0);
}

void client_end(struct client *c) {
    for (u64 i = 0; i < FILES; i++) {
        struct known *file = c->file + i;
        if (!file->exists)
            continue;
        if (file->descriptor < 0) {
            file->descriptor = sys_open(name_of(c, i), OPEN_READ);
            c->open++;
        }
        for (u64 from = 0; from < file->bytes; from += CHUNK)
            read_at(c, file, from, CHUNK);
        remove(c, file);
    }
    expect(c, sys_chdir("..") == 0 && sys_rmdir(folder_of(c)) == 0);
}
