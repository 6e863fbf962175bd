// usertests of directories.
#include "usertests.h"

#define CREATE (OPEN_READ | OPEN_WRITE | OPEN_CREATE)

static int make(const char *name) {
    i64 file = sys_open(name, CREATE);
    return file >= 0 && sys_write(file, name, 1) == 1 && sys_close(file) == 0;
}

static u64 number_of(const char *name) {
    struct stat stat;
    return sys_stat(name, &stat) ? 0 : stat.inode;
}

// Paths from / and from where the process is lead to the same files; a child begins where its parent is.
int directories(void) {
    if (sys_mkdir("a") || sys_mkdir("a/b") || sys_mkdir("a") != -1 || !make("a/b/file") || sys_chdir("a/b"))
        return 0;
    u64 number = number_of("file");
    if (!number || number != number_of("/a/b/file") || number != number_of("../../a//b/./file") ||
        number_of("..") != number_of("/a/") || number_of("/..") != number_of("/") || number_of("file/x"))
        return 0;
    i64 child = sys_fork();
    if (child == 0)
        sys_exit(number_of("file") == number && sys_chdir("/") == 0 && !number_of("file") ? 0 : 1);
    if (reap(child) || !number_of("file") || sys_rmdir("/a/b") != -1 || sys_unlink("/a/b") != -1)
        return 0;
    struct stat stat;
    if (sys_rename("file", "../moved") || number_of("/a/moved") != number || sys_rename("/a/b", "/a/c") ||
        number_of("/a/c") != number_of(".") || sys_stat("/a", &stat) || !stat.directory)
        return 0;
    return sys_unlink("../moved") == 0 && sys_rmdir("../c") == 0 && !number_of("/a/c") && sys_open("x", CREATE) == -1 &&
           sys_chdir("/") == 0 && sys_rmdir("a") == 0;
}

// What a directory cannot be used for.
int refused_directories(void) {
    char byte;
    sys_mkdir("d");
    i64 file = sys_open("d", OPEN_READ);
    int refused = make("plain") && sys_open("d", OPEN_WRITE) == -1 && sys_open("d", OPEN_READ | OPEN_TRUNCATE) == -1 &&
                  sys_exec("d") == -1 && sys_chdir("plain") == -1 && sys_mkdir("plain/x") == -1 &&
                  sys_mkdir("none/x") == -1 && sys_rmdir("plain") == -1 && sys_rmdir("none") == -1 &&
                  sys_rmdir("/") == -1 && sys_rmdir("d/.") == -1 && sys_rmdir("d/..") == -1 && sys_mkdir("..") == -1 &&
                  sys_rename("plain", "d") == -1 && sys_rename("d", "d/e") == -1 && sys_rename("d", "plain") == -1 &&
                  sys_link("d", "e") == -1 && sys_chdir("") == -1 && sys_mkdir("") == -1;
    struct stat stat;
    return refused && sys_read(file, &byte, 1) == 1 && sys_fstat(file, &stat) == 0 && stat.inode == number_of("d") &&
           sys_fstat(1, &stat) == -1 && sys_close(file) == 0 && sys_rmdir("d") == 0 && sys_unlink("plain") == 0;
}

// A file with two names is one file, and goes with the second.
int links(void) {
    struct stat stat;
    u64 blocks = sys_freeblocks();
    if (!make("one") || sys_link("one", "two") || sys_link("one", "two") != -1 || sys_link("none", "three") != -1)
        return 0;
    if (sys_stat("two", &stat) || stat.links != 2 || stat.inode != number_of("one") || sys_rename("one", "two"))
        return 0;
    char byte = 0;
    i64 file = sys_open("two", OPEN_READ);
    int kept = sys_unlink("one") == 0 && sys_freeblocks() < blocks && sys_read(file, &byte, 1) == 1 && byte == 'o';
    return kept && sys_close(file) == 0 && sys_unlink("two") == 0 && sys_freeblocks() == blocks;
}

// A directory read as a file tells the names that are in it.
int listing(void) {
    struct {
        u32 number;
        char name[FS_NAME_BYTES];
    } entry;
    u64 seen = 0;
    sys_mkdir("list");
    if (!make("list/x") || !make("list/y") || !make("list/z") || sys_unlink("list/y"))
        return 0;
    i64 file = sys_open("list", OPEN_READ);
    while (sys_read(file, &entry, sizeof entry) == sizeof entry)
        if (entry.number)
            seen += entry.name[0] == '.' ? 1 : entry.name[0] == 'x' ? 10 : entry.name[0] == 'z' ? 100 : 1000;
    return seen == 111 && sys_close(file) == 0 && sys_unlink("list/x") == 0 && sys_unlink("list/z") == 0 &&
           sys_rmdir("list") == 0;
}
