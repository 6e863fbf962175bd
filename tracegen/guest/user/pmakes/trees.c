// Directories to build in.
#include "pmakes.h"

#define TREE_NAME "/tree0"
#define DIGIT 5

// Of a directory that is read as a file.
struct entry {
    u32 number;
    char name[FS_NAME_BYTES];
};

static void tree_name(char name[sizeof TREE_NAME], u64 tree) {
    memcpy(name, TREE_NAME, sizeof TREE_NAME);
    name[DIGIT] = (char)('0' + tree);
}

void enter_tree(u64 tree) {
    char name[sizeof TREE_NAME];
    tree_name(name, tree);
    if (sys_chdir(name))
        stop("a directory is lost", STATUS_NO_SPACE);
}

// Sources and the Makefile, of which each tree has a copy; everything else is a program.
static int is_source(const char *name) {
    u64 length = strlen(name);
    return strcmp(name, "Makefile") == 0 || strcmp(name, "expected.txt") == 0 ||
           (length > 2 && name[length - 2] == '.' && (name[length - 1] == 'c' || name[length - 1] == 'h'));
}

static i64 open_file(const char *name, u64 flags) {
    i64 descriptor = sys_open(name, flags);
    if (descriptor < 0)
        stop("a file cannot be opened", STATUS_NO_SPACE);
    return descriptor;
}

static void copy(const char *from, const char *to) {
    static u8 page[PAGE_BYTES];
    i64 source = open_file(from, OPEN_READ), target = open_file(to, OPEN_WRITE | OPEN_CREATE), got;
    while ((got = sys_read(source, page, PAGE_BYTES)) > 0)
        write_all(target, page, (u64)got);
    sys_close(source);
    sys_close(target);
}

void make_tree(u64 tree) {
    struct entry entry;
    struct stat stat;
    char name[sizeof TREE_NAME], path[FS_NAME_BYTES + 2] = "/";
    tree_name(name, tree);
    if (sys_mkdir(name))
        stop("a directory cannot be made", STATUS_NO_SPACE);
    enter_tree(tree);
    i64 root = open_file("/", OPEN_READ);
    while (sys_read(root, &entry, sizeof entry) == sizeof entry) {
        memcpy(path + 1, entry.name, sizeof entry.name);
        if (!entry.number || sys_stat(path, &stat) || stat.directory)
            continue;
        if (is_source(entry.name))
            copy(path, entry.name);
        else if (sys_link(path, entry.name))
            stop("a program cannot be linked", STATUS_NO_SPACE);
    }
    sys_close(root);
}

static int is_made(const char *name) {
    u64 length = strlen(name);
    return length > 2 && (strcmp(name + length - 2, ".o") == 0 || (length > 5 && strcmp(name + length - 5, ".part") == 0));
}

void clear_tree(u64 tree) {
    struct entry entry;
    enter_tree(tree);
    i64 names = open_file(".", OPEN_READ);
    while (sys_read(names, &entry, sizeof entry) == sizeof entry)
        if (entry.number && is_made(entry.name))
            sys_unlink(entry.name);
    sys_close(names);
}

static u64 read_page(i64 file, u8 *to) {
    i64 got = sys_read(file, to, PAGE_BYTES);
    return got > 0 ? (u64)got : 0;
}

u64 differs(u64 tree, u64 other, const char *name) {
    static u8 page[PAGE_BYTES], beside[PAGE_BYTES];
    enter_tree(tree);
    i64 one = open_file(name, OPEN_READ);
    enter_tree(other);
    i64 two = open_file(name, OPEN_READ);
    u64 got, wrong = 0;
    do {
        got = read_page(one, page);
        wrong |= read_page(two, beside) != got;
        for (u64 i = 0; i < got; i++)
            wrong |= page[i] != beside[i];
    } while (got && !wrong);
    sys_close(one);
    sys_close(two);
    return wrong;
}
