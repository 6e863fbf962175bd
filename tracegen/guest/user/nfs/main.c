// nfs ROUNDS: files of another machine's disk read so many times, through a cache; written there under other names, and
// read again.
//
// The first machine serves, and each other one is a client; one that is alone does both, in two processes.
#include "nfs.h"

MARKS("read", "write");

enum { READ = 1, WRITE };

// Reads a remote file, and compares it with the own disk's.
static u64 read_file(struct remote *at, const char *name, const char *own_name, u64 *digest) {
    static u8 own[PAGE_BYTES];
    i64 bytes = remote_open(at, LOOKUP, name), file = sys_open(own_name, OPEN_READ), n;
    u64 handle = at->handle, wrong = bytes < 0, got = 0;
    for (u64 index = 0; !wrong && (n = sys_read(file, own, PAGE_BYTES)) > 0; index++) {
        REGION_BEGIN(READ);
        const u8 *page = cached_page(at, handle, index);
        REGION_END(READ);
        wrong = !page;
        for (i64 i = 0; !wrong && i < n; i++) {
            wrong = page[i] != own[i];
            *digest = mix(*digest, page[i]);
        }
        got += (u64)n;
    }
    return (wrong || got != (u64)bytes) + (sys_close(file) != 0);
}

// A name of the client's own.
static const char *name_of(u64 file) {
    static char name[2 * NUMBER_BYTES + 2];
    char *at = format_number(name, sys_station(0), 10);
    *at++ = '.';
    format_number(at, file, 10);
    return name;
}

static u64 write_file(struct remote *at, const char *name, const char *own_name) {
    static u8 own[PAGE_BYTES];
    i64 file = sys_open(own_name, OPEN_READ), n;
    u64 wrong = remote_open(at, CREATE, name) != 0, handle = at->handle;
    for (u64 index = 0; !wrong && (n = sys_read(file, own, PAGE_BYTES)) > 0; index++) {
        REGION_BEGIN(WRITE);
        wrong = remote_put(at, handle, index, own, (u64)n) != n;
        REGION_END(WRITE);
    }
    return wrong + (sys_close(file) != 0);
}

static int use_files(u64 rounds) {
    struct remote at = {.own = sys_socket(SOCKET_DATAGRAM, MTU), .station = 1};
    u64 digest = DIGEST, wrong = 0;
    for (u64 round = 0; round < rounds; round++)
        for (u64 i = 0; i < SERVED; i++)
            wrong += read_file(&at, served[i], served[i], &digest);
    for (u64 i = 0; i < SERVED; i++)
        wrong += write_file(&at, name_of(i), served[i]);
    for (u64 i = 0; i < SERVED; i++)
        wrong += read_file(&at, name_of(i), served[i], &digest);
    remote_done(&at);
    report("nfs: %d rounds, %d calls, digest %x, %d wrong\n", rounds, at.calls, digest, wrong);
    return wrong ? EXIT_WRONG : EXIT_OK;
}

int main(void) {
    u64 rounds = number_argument(1), machines = sys_station(1), status = EXIT_OK;
    if (sys_station(0) > 1)
        return use_files(rounds);
    i64 own = sys_socket(SOCKET_DATAGRAM, MTU);
    if (sys_bind(own, PORT) != PORT)
        return EXIT_WRONG;
    if (machines == 1 && sys_fork() == 0)
        return use_files(rounds);
    int wrong = serve_files(own, machines > 1 ? machines - 1 : 1);
    if (machines == 1)
        wrong |= sys_wait(&status) < 0;
    return wrong || status ? EXIT_WRONG : EXIT_OK;
}
