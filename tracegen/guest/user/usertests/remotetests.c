// usertests of another machine's files: those of the disk's, in a directory that it serves, and others.
#include "usertests.h"

#define CREATE (OPEN_READ | OPEN_WRITE | OPEN_CREATE)
#define MOUNTED "/net"
#define SERVER 1
#define BOTH (MAP_READ | MAP_WRITE)

static i64 bytes_of(const char *name) {
    struct stat stat;
    return sys_stat(name, &stat) ? -1 : (i64)stat.bytes;
}

// What is in a file at `offset`; -1 where there is nothing.
static i64 byte_at(const char *name, u64 offset) {
    u8 byte;
    i64 file = sys_open(name, OPEN_READ), n = sys_seek(file, offset) < 0 ? -1 : sys_read(file, &byte, 1);
    sys_close(file);
    return n == 1 ? byte : -1;
}

static int write_byte(const char *name, u64 offset, char byte) {
    i64 file = sys_open(name, CREATE);
    return sys_seek(file, offset) >= 0 && sys_write(file, &byte, 1) == 1 && sys_close(file) == 0;
}

// A directory is mounted on once, no machine's files twice; names lead across, both ways, and neither can be removed.
static int mounts(void) {
    struct stat root, above, mounted, own;
    if (sys_stat("/", &root) || sys_stat("..", &above) || sys_stat(MOUNTED, &mounted) || sys_stat(MOUNTED "/usertests", &own))
        return 0;
    if (above.inode != root.inode || mounted.inode == root.inode || own.inode >> 32 != SERVER || bytes_of("usertests") != bytes_of("/usertests"))
        return 0;
    if (sys_mkdir("/other") || sys_mount(SERVER, MOUNTED) != -1 || sys_mount(SERVER, "/other") != -1 || sys_mount(sys_station(0), "/other") != -1)
        return 0;
    if (sys_mount(0, "/other") != -1 || sys_mount(99, "/other") != -1 || sys_mount(SERVER, "/none") != -1 || sys_mount(SERVER, (char *)KERNEL_BASE) != -1)
        return 0;
    return sys_rmdir(MOUNTED) == -1 && sys_rename("/other", "moved") == -1 && sys_link("/usertests", "here") == -1 &&
           sys_rename("usertests", "/there") == -1 && sys_rmdir("/other") == 0;
}

// What is on both disks is the same, read here and there.
static int contents(void) {
    static const char *const names[] = {"bits.h", "expected.txt", "cc", "gups"};
    u8 *own = allocate(PAGE_BYTES), *other = allocate(PAGE_BYTES);
    for (u64 i = 0; i < sizeof names / sizeof *names; i++) {
        char rooted[FS_NAME_BYTES + 1] = {'/'};
        memcpy(rooted + 1, names[i], strlen(names[i]) + 1);
        i64 here = sys_open(rooted, OPEN_READ), there = sys_open(names[i], OPEN_READ), n;
        while ((n = sys_read(here, own, PAGE_BYTES)) > 0) {
            if (sys_read(there, other, PAGE_BYTES) != n)
                return 0;
            for (i64 k = 0; k < n; k++)
                if (own[k] != other[k])
                    return 0;
        }
        if (sys_read(there, other, 1) || sys_close(here) || sys_close(there))
            return 0;
    }
    return 1;
}

// A file that loses its name while it is in use stays up to its last use, and is gone then: the directory is empty.
static int removed_in_use(void) {
    if (sys_mkdir("d") || !write_byte("d/file", 0, 'a') || !write_byte("d/other", 0, 'b'))
        return 0;
    i64 file = sys_open("d/file", OPEN_READ | OPEN_WRITE), replaced = sys_open("d/other", OPEN_READ);
    struct stat stat;
    char byte = 0;
    if (sys_unlink("d/file") || bytes_of("d/file") != -1 || sys_fstat(file, &stat) || stat.links != 0 || sys_rmdir("d") != -1)
        return 0;
    if (sys_write(file, "xy", 2) != 2 || sys_seek(file, 1) < 0 || sys_read(file, &byte, 1) != 1 || byte != 'y')
        return 0;
    if (!write_byte("d/third", 0, 'c') || sys_rename("d/third", "d/other") || byte_at("d/other", 0) != 'c')
        return 0;
    if (sys_read(replaced, &byte, 1) != 1 || byte != 'b' || sys_close(replaced) || sys_close(file))
        return 0;
    return sys_unlink("d/other") == 0 && sys_rmdir("d") == 0;
}

// Names that a file has, as the machine that serves it counts them.
static int remote_links(void) {
    struct stat stat;
    if (!write_byte("one", 0, 'a') || sys_link("one", "two") || sys_link("one", "two") != -1 || sys_stat("two", &stat) || stat.links != 2)
        return 0;
    i64 file = sys_open("one", OPEN_READ);
    if (sys_unlink("one") || sys_fstat(file, &stat) || stat.links != 1 || byte_at("two", 0) != 'a')
        return 0;
    return sys_close(file) == 0 && sys_unlink("two") == 0 && sys_unlink("two") == -1;
}

// What a process that ends had stored to a map is in the file, which is as long as it was.
static int maps_of_remote(void) {
    i64 made = sys_open("mapped", CREATE);
    write_all(made, allocate(2 * PAGE_BYTES), 2 * PAGE_BYTES);
    if (sys_close(made) || !write_byte("mapped", 2 * PAGE_BYTES, 'a') || !write_byte("mapped", PAGE_BYTES + 1, 'b'))
        return 0;
    i64 child = sys_fork();
    if (child == 0) {
        i64 file = sys_open("mapped", OPEN_READ | OPEN_WRITE);
        u8 *block = map_file(file, 0, 3 * PAGE_BYTES, BOTH | MAP_SHARED);
        block[PAGE_BYTES] = 'c';
        sys_exit(sys_close(file) == 0 && block[2 * PAGE_BYTES] == 'a' ? EXIT_OK : EXIT_WRONG);
    }
    return reap(child) == EXIT_OK && byte_at("mapped", PAGE_BYTES) == 'c' && byte_at("mapped", PAGE_BYTES + 1) == 'b' &&
           bytes_of("mapped") == 2 * PAGE_BYTES + 1 && sys_unlink("mapped") == 0;
}

// Several processes that use the same files at once, more of them than there are processes that serve.
static int at_once(void) {
    i64 child = 1;
    u64 i = 0;
    for (; i < 8 && child; i++)
        child = sys_fork();
    if (child == 0) {
        char name[] = "own.x";
        name[4] = (char)('0' + i);
        for (u64 round = 0; round < 4; round++)
            if (!write_byte(name, round, (char)round) || byte_at(name, round) != (i64)round || byte_at("bits.h", 0) != byte_at("/bits.h", 0))
                sys_exit(EXIT_WRONG);
        sys_exit(sys_unlink(name) ? EXIT_WRONG : EXIT_OK);
    }
    u64 wrong = 0, status = EXIT_WRONG;
    for (i = 0; i < 8; i++)
        wrong += sys_wait(&status) < 0 || status;
    return !wrong;
}

static const struct test tests[] = {
    {"mounts", mounts},
    {"contents", contents},
    {"removed_in_use", removed_in_use},
    {"remote_links", remote_links},
    {"maps_of_remote", maps_of_remote},
    {"at_once", at_once},
    {"files", files},
    {"refused_names", refused_names},
    {"many_files", many_files},
    {"refused_directories", refused_directories},
    {"modification", modification},
    {"appenders", appenders},
    {"redirection", redirection},
    {"damaged_programs", damaged_programs},
    {"command_lines", command_lines},
    {"running_program", running_program},
    {"reading_without_memory", reading_without_memory},
    {"private_file", private_file},
    {"shared_file", shared_file},
    {"refused_maps", refused_maps},
    {"copies_of_maps", copies_of_maps},
    {"pages_out", pages_out},
};

#define TURNS 20

// Two clients count in one file by turns, each on where the other closed it.
static int take_turns(u64 first) {
    for (u64 turn = first; turn < TURNS; turn += 2) {
        while (bytes_of("turns") != (i64)turn)
            sys_sleep(1);
        if (turn && byte_at("turns", turn - 1) != (i64)(turn - 1))
            return 0;
        if (!write_byte("turns", turn, (char)turn))
            return 0;
    }
    while (bytes_of("turns") < TURNS)
        sys_sleep(1);
    for (u64 turn = 0; turn < TURNS; turn++)
        if (byte_at("turns", turn) != (i64)turn)
            return 0;
    return 1;
}

// Two processes serve.
static int serve(u64 clients) {
    i64 child = sys_fork();
    int failed = sys_serve(clients) != 0;
    if (child == 0)
        sys_exit(failed ? EXIT_WRONG : EXIT_OK);
    return failed || reap(child) ? EXIT_WRONG : EXIT_OK;
}

// usertests remote: the first machine serves; the second does the tests, or takes turns with a third.
int run_remote(void) {
    u64 own = sys_station(0), machines = sys_station(1);
    if (machines == 1)
        stop("there is no other machine", STATUS_USAGE);
    if (own == SERVER)
        return serve(machines - 1);
    if (sys_mkdir(MOUNTED) || sys_mount(SERVER, MOUNTED) || sys_chdir(MOUNTED))
        return EXIT_WRONG;
    if (machines == 2)
        return run_tests(tests, sizeof tests / sizeof *tests);
    if (own == 2)
        sys_close(sys_open("turns", CREATE));
    int right = take_turns(own - 2);
    print(right ? "turns: ok\n" : "turns: FAILED\n");
    return right ? EXIT_OK : EXIT_WRONG;
}

// usertests deserting: a server that goes before its clients do.
int run_deserting(void) {
    if (sys_fork() == 0)
        sys_exit(sys_serve(1) ? EXIT_WRONG : EXIT_OK);
    return sys_sleep(20) ? EXIT_WRONG : EXIT_OK;
}
