// Whole files, a page at a time.
#include "tools.h"

int read_whole(const char *name, struct bytes *into) {
    i64 descriptor = sys_open(name, OPEN_READ);
    if (descriptor < 0)
        return -1;
    u8 *chunk = take(PAGE_BYTES);
    i64 got;
    while ((got = sys_read(descriptor, chunk, PAGE_BYTES)) > 0)
        put_block(into, chunk, (u64)got);
    sys_close(descriptor);
    put_byte(into, 0);
    into->used--;
    return got < 0 ? -1 : 0;
}

// A file that could not be written whole is not left behind.
void write_whole(const char *name, const struct bytes *from) {
    i64 descriptor = sys_open(name, OPEN_WRITE | OPEN_CREATE | OPEN_TRUNCATE);
    if (descriptor < 0)
        fail("cannot write %s", name);
    u64 done = 0;
    while (done < from->used) {
        u64 chunk = from->used - done < PAGE_BYTES ? from->used - done : PAGE_BYTES;
        if (sys_write(descriptor, from->at + done, chunk) != (i64)chunk)
            break;
        done += chunk;
    }
    sys_close(descriptor);
    if (done == from->used)
        return;
    sys_unlink(name);
    complain("%s: no space on the disk for %s", program_name(), name);
    sys_exit(STATUS_NO_SPACE);
}
