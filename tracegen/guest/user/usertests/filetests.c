// usertests of files on the disk.
#include "usertests.h"

#define CREATE (OPEN_READ | OPEN_WRITE | OPEN_CREATE | OPEN_TRUNCATE)
#define RECORD 100 // bytes, which blocks are no multiple of

static u8 pattern(u64 i) {
    return (u8)(i * 13 + i / PAGE_BYTES);
}

static int fill(i64 file, u64 from, u64 to, u64 piece) {
    u8 *block = allocate(piece);
    for (u64 at = from; at < to; at += piece) {
        u64 n = to - at < piece ? to - at : piece;
        for (u64 i = 0; i < n; i++)
            block[i] = pattern(at + i);
        if (sys_write(file, block, n) != (i64)n)
            return 0;
    }
    return 1;
}

// Whether `file`, read from its place on in pieces, is the pattern from `from` to `to`, and ends there.
static int check(i64 file, u64 from, u64 to, u64 piece) {
    u8 *block = allocate(piece);
    i64 n;
    while ((n = sys_read(file, block, piece)) > 0)
        for (i64 i = 0; i < n; i++)
            if (from == to || block[i] != pattern(from++))
                return 0;
    return n == 0 && from == to;
}

static i64 size_of(const char *name) {
    struct stat stat;
    return sys_stat(name, &stat) ? -1 : (i64)stat.bytes;
}

int files(void) {
    i64 file = sys_open("file", CREATE);
    if (file < 0 || size_of("file") != 0 || !fill(file, 0, 10000, 777) || !check(file, 0, 0, 10))
        return 0;
    if (sys_seek(file, 0) != 0 || !check(file, 0, 10000, 300) || sys_seek(file, 5000) != 5000)
        return 0;
    if (!fill(file, 5000, 6000, 500) || !check(file, 6000, 10000, 4096) || sys_close(file))
        return 0;
    file = sys_open("file", OPEN_READ);
    if (!check(file, 0, 10000, 8192) || sys_write(file, "x", 1) != -1 || sys_seek(file, 10001) != -1)
        return 0;
    i64 again = sys_open("file", OPEN_WRITE | OPEN_TRUNCATE);
    char byte;
    int empty = again >= 0 && size_of("file") == 0 && sys_read(again, &byte, 1) == -1 && sys_read(file, &byte, 1) == 0;
    return empty && sys_close(file) == 0 && sys_close(again) == 0 && sys_unlink("file") == 0;
}

// What no file can be called, what is not there, and what is not the process's.
int refused_names(void) {
    char longest[FS_NAME_BYTES + 1] = "abcdefghijklmnopqrstuvwxyz1";
    struct stat stat;
    if (sys_open("absent", OPEN_READ) != -1 || sys_unlink("absent") != -1 || sys_stat("absent", &stat) != -1 ||
        sys_rename("absent", "other") != -1 || sys_open("", CREATE) != -1 || sys_open("x", OPEN_CREATE) != -1 ||
        sys_open((char *)KERNEL_BASE, CREATE) != -1 || sys_rename("gups", "") != -1)
        return 0;
    i64 file = sys_open(longest, CREATE);
    int there = file >= 0 && sys_close(file) == 0 && size_of(longest) == 0 && sys_unlink(longest) == 0;
    longest[FS_NAME_BYTES - 1] = '2';
    return there && sys_open(longest, CREATE) == -1 && sys_seek(1, 0) == -1 && sys_seek(9, 0) == -1 &&
           sys_stat("gups", (struct stat *)KERNEL_BASE) == -1;
}

// A file with blocks of every kind, up to the largest that there can be.
int big_file(void) {
    i64 file = sys_open("big", CREATE);
    if (file < 0 || !fill(file, 0, 30 * PAGE_BYTES + 5, 9000) || sys_sync() || sys_seek(file, 0))
        return 0;
    if (!check(file, 0, 30 * PAGE_BYTES + 5, 5000))
        return 0;
    u64 blocks = sys_freeblocks();
    u8 *block = allocate(PAGE_BYTES);
    i64 n;
    while ((n = sys_write(file, block, PAGE_BYTES)) == PAGE_BYTES)
        ;
    int full = size_of("big") == FS_FILE_BYTES || sys_freeblocks() == 0;
    return n < PAGE_BYTES && full && sys_freeblocks() < blocks && sys_close(file) == 0 && sys_unlink("big") == 0;
}

// A file keeps its content while it has a name or a descriptor.
int names(void) {
    i64 old = sys_open("old", CREATE), new = sys_open("new", CREATE);
    struct stat before, after;
    if (!fill(old, 0, 5000, 1000) || !fill(new, 0, 100, 100) || sys_stat("old", &before) || sys_rename("old", "new"))
        return 0;
    if (size_of("old") != -1 || sys_stat("new", &after) || after.inode != before.inode || after.bytes != 5000)
        return 0;
    if (sys_seek(new, 0) || !check(new, 0, 100, 64) || sys_rename("new", "new") || sys_rename("new", "third"))
        return 0;
    u64 blocks = sys_freeblocks();
    if (sys_unlink("third") || sys_unlink("third") != -1 || sys_freeblocks() != blocks)
        return 0;
    if (sys_seek(old, 0) || !check(old, 0, 5000, 700) || sys_close(old) || sys_freeblocks() != blocks + 2)
        return 0;
    return sys_close(new) == 0;
}

static u64 bytes_of(u64 i) {
    return i % 8 ? 0 : 1 + i % 3;
}

// Files until there are no more, or more than one block of a directory has names for; each is another one.
int many_files(void) {
    char name[8] = "f";
    u64 made = 0;
    if (sys_mkdir("many") || sys_chdir("many"))
        return 0;
    for (i64 file; format_number(name + 1, made, 10), made < 700 && (file = sys_open(name, CREATE)) >= 0; made++)
        if (sys_write(file, name, bytes_of(made)) < 0 || sys_close(file))
            return 0;
    for (u64 i = 0; i < made; i++) {
        format_number(name + 1, i, 10);
        if (size_of(name) != (i64)bytes_of(i) || sys_unlink(name))
            return 0;
    }
    return made > 130 && sys_chdir("..") == 0 && sys_rmdir("many") == 0;
}

// The disk gets full in the middle of a write, and says so; all of it comes back.
int disk_full(void) {
    char name[2] = "a";
    u64 before = sys_freeblocks();
    u8 *block = allocate(3 * PAGE_BYTES);
    for (; sys_freeblocks(); name[0]++) {
        i64 file = sys_open(name, CREATE);
        while (sys_write(file, block, 3 * PAGE_BYTES) == 3 * PAGE_BYTES)
            ;
        sys_close(file);
    }
    i64 file = sys_open("more", CREATE);
    int refused = file >= 0 && sys_write(file, block, 1) == -1 && size_of("more") == 0;
    i64 child = sys_fork();
    if (child == 0)
        write_all(file, "x", 1);
    refused = refused && reap(child) == STATUS_NO_SPACE && sys_close(file) == 0 && sys_unlink("more") == 0;
    while (name[0]-- > 'a')
        if (sys_unlink(name))
            return 0;
    return refused && sys_freeblocks() == before;
}

int modification(void) {
    struct stat made, changed, read;
    u64 before = sys_time();
    i64 file = sys_open("clock", CREATE);
    if (sys_stat("clock", &made) || made.modified < before || sys_sleep(1) || sys_write(file, "x", 1) != 1)
        return 0;
    u64 after = sys_time();
    if (sys_stat("clock", &changed) || changed.modified <= made.modified || changed.modified > after)
        return 0;
    char byte;
    if (sys_seek(file, 0) || sys_read(file, &byte, 1) != 1 || sys_stat("clock", &read) || sys_close(file))
        return 0;
    return read.modified == changed.modified && sys_unlink("clock") == 0;
}

// Two processes that write through one descriptor take turns, record by record; nothing is lost.
int appenders(void) {
    i64 file = sys_open("log", CREATE);
    i64 child = sys_fork();
    char record[RECORD];
    memset(record, child ? 'p' : 'c', sizeof record);
    for (u64 i = 0; i < 90; i++)
        if (sys_write(file, record, sizeof record) != sizeof record || (i % 9 == 0 && sys_yield()))
            return 0;
    if (child == 0)
        sys_exit(0);
    if (reap(child) || sys_seek(file, 0))
        return 0;
    u64 parents = 0, records = 0;
    for (; sys_read(file, record, sizeof record) == sizeof record; records++) {
        for (u64 i = 1; i < sizeof record; i++)
            if (record[i] != record[0])
                return 0;
        parents += record[0] == 'p';
    }
    return records == 180 && parents == 90 && sys_close(file) == 0 && sys_unlink("log") == 0;
}

// A program prints into a file, because its descriptor 1 is one.
int redirection(void) {
    i64 file = sys_open("output", CREATE);
    i64 child = sys_fork();
    if (child == 0) {
        if (sys_dup2(file, 1) != 1)
            sys_exit(EXIT_WRONG);
        sys_exec("echo into a  file");
        sys_exit(EXIT_WRONG);
    }
    char text[32] = {0};
    if (reap(child) || sys_seek(file, 0) || sys_read(file, text, sizeof text) != 12)
        return 0;
    if (strcmp(text, "into a file\n") != 0)
        return 0;
    return sys_dup2(9, 1) == -1 && sys_dup2(file, 999) == -1 && sys_dup2(file, file) == file && sys_close(file) == 0 &&
           sys_unlink("output") == 0;
}

static int copy(const char *from, const char *to) {
    u8 *block = allocate(PAGE_BYTES);
    i64 in = sys_open(from, OPEN_READ), out = sys_open(to, CREATE), n;
    while ((n = sys_read(in, block, PAGE_BYTES)) > 0)
        write_all(out, block, (u64)n);
    return sys_close(in) == 0 && sys_close(out) == 0;
}

// A program whose words at these offsets are other ones.  The file's header is 64 bytes, the first segment's follows.
static const struct {
    u64 offset, value;
} damage[] = {
    {0, 0},           {16, 0},         {24, 3},         {24, -1UL},       {32, 0},         {32, 1UL << 63},
    {32, -1UL},       {56, -1UL},      {72, 1},         {72, 1UL << 40},  {72, -PAGE_BYTES}, {80, 1},
    {80, KERNEL_BASE}, {80, USER_TOP},  {80, -PAGE_BYTES}, {96, 1 << 20},  {96, -1UL},      {104, 0},
    {104, 1UL << 40}, {104, -1UL},
};

// A file that is no program, or not a whole one, is refused, or ends alone; nobody else notices.
int damaged_programs(void) {
    for (u64 i = 0; i < sizeof damage / sizeof *damage; i++) {
        if (!copy("echo", "program"))
            return 0;
        i64 file = sys_open("program", OPEN_WRITE);
        if (sys_seek(file, damage[i].offset) < 0 || sys_write(file, &damage[i].value, 8) != 8 || sys_close(file))
            return 0;
        i64 child = sys_fork();
        if (child == 0) {
            sys_exec("program");
            sys_exit(EXIT_WRONG);
        }
        if (reap(child) == EXIT_OK)
            return 0;
    }
    i64 file = sys_open("program", CREATE);
    int refused = sys_exec("program") == -1 && sys_write(file, "echo", 4) == 4 && sys_exec("program") == -1;
    return refused && sys_close(file) == 0 && sys_unlink("program") == 0;
}

// A command line of the most words and characters, and with one more.
int command_lines(void) {
    char line[300];
    memset(line, 'x', sizeof line);
    memcpy(line, "echo ", 5);
    line[256] = 0;
    if (sys_exec(line) != -1 || sys_exec("echo 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16") != -1 ||
        sys_exec("abcdefghijklmnopqrstuvwxyz12") != -1 || sys_exec("   ") != -1)
        return 0;
    line[255] = 0;
    i64 child = sys_fork();
    if (child == 0) {
        sys_exec(line);
        sys_exit(EXIT_WRONG);
    }
    return reap(child) == EXIT_OK;
}

// A program's file cannot be written to while it runs; nor does one run that may be written to.
int running_program(void) {
    if (!copy("gups", "victim"))
        return 0;
    i64 child = sys_fork();
    if (child == 0)
        for (u64 tries = 0; tries < 1000; tries++) {
            sys_exec("victim 512 1000000");
            sys_yield();
        }
    i64 file;
    while ((file = sys_open("victim", OPEN_WRITE)) >= 0) // it does not run yet
        if (sys_close(file) || sys_sleep(1))
            return 0;
    if (sys_open("victim", CREATE) != -1 || reap(child) != EXIT_OK)
        return 0;
    file = sys_open("victim", OPEN_WRITE);
    return file >= 0 && sys_exec("victim 512 1") == -1 && sys_close(file) == 0 && sys_unlink("victim") == 0;
}

// A read into pages for which there is no memory is refused, and keeps the file from nobody.
int reading_without_memory(void) {
    i64 file = sys_open("usertests", OPEN_READ);
    i64 child = sys_fork();
    if (child == 0) {
        u8 *block = use_up_memory();
        sys_exit(sys_read(file, block, 3 * PAGE_BYTES) == -1 ? 0 : 1);
    }
    u8 *block = allocate(3 * PAGE_BYTES);
    return reap(child) == 0 && sys_seek(file, 0) == 0 && sys_read(file, block, 3 * PAGE_BYTES) == 3 * PAGE_BYTES &&
           sys_close(file) == 0;
}
