// The server: one call after another.  Files that were asked for stay open; a handle is the descriptor.
#include "nfs.h"

#define OPEN_FILES 100
#define LAST_TICKS 100 // that the server stays for who did not hear the last answer

static struct {
    char name[FS_NAME_BYTES];
    i64 descriptor;
} opened[OPEN_FILES];
static u64 used;

static i64 size_of(i64 descriptor) {
    struct stat stat;
    return sys_fstat(descriptor, &stat) ? -1 : (i64)stat.bytes;
}

// Opens a file, once; its handle goes into the answer, and its size is the value.
static i64 open(const char *name, u64 flags, u64 *handle) {
    u64 i = 0;
    while (i < used && strcmp(opened[i].name, name))
        i++;
    if (i == used) {
        i64 descriptor = used == OPEN_FILES || strlen(name) >= FS_NAME_BYTES ? -1 : sys_open(name, flags);
        if (descriptor < 0)
            return -1;
        memcpy(opened[i].name, name, strlen(name) + 1);
        opened[used++].descriptor = descriptor;
    }
    *handle = (u64)opened[i].descriptor;
    return size_of(opened[i].descriptor);
}

// A page from or to a file.  How many bytes.
static i64 move(struct datagram *message, u64 bytes, int put) {
    i64 file = (i64)message->head[HANDLE];
    if (sys_seek(file, message->head[INDEX] * PAGE_BYTES) < 0)
        return -1;
    return put ? sys_write(file, message->data, bytes) : sys_read(file, message->data, PAGE_BYTES);
}

static i64 answer(struct datagram *message, u64 bytes) {
    const char *name = message->data;
    switch (message->head[CALL]) {
    case LOOKUP:
        return open(name, OPEN_READ, &message->head[HANDLE]);
    case CREATE:
        return open(name, OPEN_READ | OPEN_WRITE | OPEN_CREATE, &message->head[HANDLE]);
    case GETPAGE:
        return move(message, 0, 0);
    case PUTPAGE:
        return move(message, bytes, 1);
    default:
        return message->head[CALL] == DONE ? 0 : -1;
    }
}

// Whether this client had not said before that it is done.
static int is_done(u64 station) {
    static u64 done;
    u64 before = done;
    done |= 1UL << station;
    return before != done;
}

// Whether a call has come, or one may yet come; who was answered may not have heard it, and call again.
static int goes_on(i64 own, u64 clients) {
    struct sets sets = {{1UL << own}, {0}};
    return clients || sys_select(&sets, LAST_TICKS) == 1;
}

int serve_files(i64 own, u64 clients) {
    static struct datagram message;
    u8 *page = allocate(2 * PAGE_BYTES); // behind any name there is a NUL
    u64 served = clients;
    while (goes_on(own, clients)) {
        message.data = page, message.bytes = PAGE_BYTES;
        i64 bytes = sys_recvfrom(own, &message);
        if (bytes < 0)
            return EXIT_WRONG;
        i64 value = answer(&message, (u64)bytes);
        message.head[VALUE] = (u64)value;
        message.bytes = message.head[CALL] == GETPAGE && value > 0 ? (u64)value : 0;
        sys_sendto(own, &message);
        if (message.head[CALL] == DONE)
            clients -= (u64)is_done(message.station);
    }
    report("nfs: %d clients served\n", served);
    return sys_close(own) ? EXIT_WRONG : EXIT_OK;
}
