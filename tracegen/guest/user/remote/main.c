// remote PROGRAM ARGUMENT...: the program among the files of another machine, in a directory of its own there.
//
// The first machine serves its files to the others.  Each of these mounts them, and makes a directory with links to all
// sources; the program itself comes from its own disk.  A machine that is alone makes the directory on its own disk.
#include "user.h"

#define SERVERS 4
#define MOUNTED "/net"

struct entry { // of a directory, as it lies on the disk
    u32 number;
    char name[FS_NAME_BYTES];
};

static_assert(sizeof(struct entry) == FS_ENTRY_BYTES, "entries are as abi.py says");

// Processes that serve, this one and others, until all other machines need nothing more.
static int serve(u64 clients) {
    u64 status = EXIT_OK, wrong = 0;
    for (u64 i = 1; i < SERVERS; i++)
        if (sys_fork() == 0)
            sys_exit(sys_serve(clients) ? EXIT_WRONG : EXIT_OK);
    wrong = sys_serve(clients) != 0;
    for (u64 i = 1; i < SERVERS; i++)
        wrong |= sys_wait(&status) < 0 || status;
    print("remote: ");
    print_decimal(clients);
    print(" machines served\n");
    return wrong ? EXIT_WRONG : EXIT_OK;
}

// A source's name has a suffix, or is the Makefile's; programs' have none.
static int is_source(const char *name) {
    const char *at = name;
    while (*at && *at != '.')
        at++;
    return strcmp(name, "Makefile") == 0 || (at != name && *at);
}

static char *append(char *to, const char *text) {
    u64 bytes = strlen(text);
    memcpy(to, text, bytes + 1);
    return to + bytes;
}

// Gives the sources in directory `from` names here, too.
static void link_sources(const char *from) {
    static struct entry entries[PAGE_BYTES / sizeof(struct entry)];
    char name[ARGUMENT_BYTES];
    i64 directory = sys_open(*from ? from : "/", OPEN_READ), bytes;
    while ((bytes = sys_read(directory, entries, sizeof entries)) > 0)
        for (const struct entry *e = entries; e < entries + (u64)bytes / sizeof *e; e++) {
            if (!e->number || !is_source(e->name))
                continue;
            append(append(append(name, from), "/"), e->name);
            if (sys_link(name, e->name))
                stop("a source cannot be linked", EXIT_WRONG);
        }
    sys_close(directory);
}

// A directory of this machine's own below `base`, where it goes on.
static void settle(const char *base) {
    char name[ARGUMENT_BYTES];
    format_number(append(append(name, base), "/"), sys_station(0), 10);
    if (sys_mkdir(name) || sys_chdir(name))
        stop("no directory to work in", EXIT_WRONG);
    link_sources(base);
}

[[noreturn]] static void become(void) {
    char line[256], *at = append(line, "/"), word[ARGUMENT_BYTES];
    for (u64 i = 1; sys_getarg(i, word, sizeof word) >= 0; i++) {
        if ((u64)(at - line) + strlen(word) + 2 > sizeof line)
            stop("the command line is too long", STATUS_USAGE);
        at = append(append(at, i > 1 ? " " : ""), word);
    }
    sys_exec(line);
    stop("no such program", STATUS_USAGE);
}

int main(void) {
    u64 machines = sys_station(1);
    if (machines > 1 && sys_station(0) == 1)
        return serve(machines - 1);
    if (machines > 1 && (sys_mkdir(MOUNTED) || sys_mount(1, MOUNTED)))
        stop("the first machine does not serve its files", EXIT_WRONG);
    settle(machines > 1 ? MOUNTED : "");
    become();
}
