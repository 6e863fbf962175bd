// usertests of mapped memory and files.
#include "usertests.h"

#define CREATE (OPEN_READ | OPEN_WRITE | OPEN_CREATE | OPEN_TRUNCATE)
#define BOTH (MAP_READ | MAP_WRITE)
#define REFUSED ((void *)-1)

static i64 status_of_store(volatile u8 *at) {
    i64 child = sys_fork();
    if (child == 0) {
        *at = 1;
        sys_exit(EXIT_OK);
    }
    return reap(child);
}

// Zeroed memory comes and goes, also in the middle of other such; the rest stays as it is.
int memory_map(void) {
    u8 *block = map_memory(5 * PAGE_BYTES, BOTH), *other = map_memory(1, BOTH);
    if (block == REFUSED || other == REFUSED || other == block)
        return 0;
    for (u64 i = 0; i < 5 * PAGE_BYTES; i++)
        if (block[i]++)
            return 0;
    if (sys_munmap(block + 2 * PAGE_BYTES, PAGE_BYTES) || status_of_store(block + 2 * PAGE_BYTES) != STATUS_FAULT)
        return 0;
    if (block[2 * PAGE_BYTES - 1] != 1 || block[3 * PAGE_BYTES] != 1 || status_of_store(block) != EXIT_OK)
        return 0;
    u8 *again = map_memory(PAGE_BYTES, BOTH);
    return again && *again == 0 && sys_munmap(block, 5 * PAGE_BYTES) == 0 && sys_munmap(block, PAGE_BYTES) == 0 &&
           status_of_store(block) == STATUS_FAULT && status_of_store(other) == EXIT_OK;
}

// What memory allows changes page by page.
int protection(void) {
    u8 *block = map_memory(3 * PAGE_BYTES, BOTH), *middle = block + PAGE_BYTES;
    *middle = 7;
    if (sys_mprotect(middle, PAGE_BYTES, MAP_READ) || *middle != 7 || status_of_store(middle) != STATUS_FAULT)
        return 0;
    char byte;
    i64 file = sys_open("echo", OPEN_READ);
    if (status_of_store(block) || status_of_store(middle + PAGE_BYTES) || sys_read(file, middle, 1) != -1)
        return 0;
    i64 child = sys_fork(); // while it cannot be stored to
    if (sys_mprotect(middle, PAGE_BYTES, BOTH))
        return 0;
    *middle += child == 0 ? 1 : 2;
    if (child == 0)
        sys_exit(*middle);
    return reap(child) == 8 && *middle == 9 && sys_read(file, middle, 1) == 1 && sys_read(file, &byte, 1) == 1 &&
           sys_mprotect(middle, 8 * PAGE_BYTES, BOTH) == -1 && sys_mprotect(middle, PAGE_BYTES, 0) == -1;
}

// Shared memory is one for parent and child, whoever touches a page first; private memory is not.
int shared_memory(void) {
    u64 *both = map_memory(600 * PAGE_BYTES, BOTH | MAP_SHARED), *own = map_memory(PAGE_BYTES, BOTH);
    const u64 last = 599 * PAGE_BYTES / 8;
    both[0] = own[0] = 1;
    i64 child = sys_fork();
    if (child == 0) {
        both[0]++;
        both[last] = 5;
        own[0] = 9;
        sys_exit(both[300] == 0 ? 0 : 1);
    }
    return reap(child) == 0 && both[0] == 2 && both[last] == 5 && own[0] == 1;
}

static int fill(const char *name, u64 bytes) {
    u8 *block = allocate(bytes);
    for (u64 i = 0; i < bytes; i++)
        block[i] = (u8)(i + i / PAGE_BYTES);
    i64 file = sys_open(name, CREATE);
    write_all(file, block, bytes);
    return sys_close(file) == 0;
}

static int is_filled(const u8 *block, u64 from, u64 to) {
    for (; from < to; from++)
        if (block[from] != (u8)(from + from / PAGE_BYTES))
            return 0;
    return 1;
}

// A private map has the file's content, zeroes behind its end, nothing on the next page; stores stay in the process.
int private_file(void) {
    const u64 bytes = 4 * PAGE_BYTES + 100;
    fill("mapped", bytes);
    i64 file = sys_open("mapped", OPEN_READ);
    u8 *block = map_file(file, 0, 6 * PAGE_BYTES, BOTH), *part = map_file(file, 2 * PAGE_BYTES, PAGE_BYTES, MAP_READ);
    if (block == REFUSED || part == REFUSED || sys_close(file))
        return 0;
    block[PAGE_BYTES + 1] = 99; // before any load
    if (!is_filled(block, 0, PAGE_BYTES + 1) || !is_filled(block, PAGE_BYTES + 2, bytes) || block[bytes])
        return 0;
    block[5] = 98;
    i64 child = sys_fork();
    if (child == 0)
        sys_exit((block[6] = 3, block[5] == 98 && part[0] == 2) ? 0 : 1);
    if (reap(child) || block[6] != 6 || part[0] != 2 || status_of_store(part) != STATUS_FAULT)
        return 0;
    u8 *copy = allocate(bytes);
    file = sys_open("mapped", OPEN_READ);
    return sys_read(file, copy, bytes) == (i64)bytes && is_filled(copy, 0, bytes) && sys_close(file) == 0 &&
           status_of_store(block + 5 * PAGE_BYTES) == STATUS_FAULT && sys_unlink("mapped") == 0 && block[5] == 98;
}

// What is stored to a shared map is what read finds, and the other way round; and the disk gets it.
int shared_file(void) {
    u8 byte = 0;
    fill("mapped", 3 * PAGE_BYTES);
    i64 file = sys_open("mapped", OPEN_READ | OPEN_WRITE);
    u8 *block = map_file(file, 0, 3 * PAGE_BYTES, BOTH | MAP_SHARED);
    block[PAGE_BYTES] = 77;
    if (sys_seek(file, PAGE_BYTES) < 0 || sys_read(file, &byte, 1) != 1 || byte != 77 || sys_write(file, "xy", 2) != 2)
        return 0;
    if (block[PAGE_BYTES + 1] != 'x' || block[PAGE_BYTES + 2] != 'y' || sys_open("mapped", CREATE) != -1)
        return 0;
    i64 child = sys_fork();
    if (child == 0)
        sys_exit((block[2 * PAGE_BYTES] = 55, 0));
    if (reap(child) || block[2 * PAGE_BYTES] != 55 || sys_msync(block, 3 * PAGE_BYTES) || sys_unlink("mapped"))
        return 0;
    block[0] = 44; // clean since; the file has no name any more
    return sys_seek(file, 0) == 0 && sys_read(file, &byte, 1) == 1 && byte == 44 && sys_close(file) == 0 &&
           block[1] == 1 && sys_munmap(block, 3 * PAGE_BYTES) == 0;
}

int refused_maps(void) {
    i64 file = sys_open("echo", OPEN_READ), ends[2];
    u8 *block = map_memory(PAGE_BYTES, BOTH), *text = map_file(file, 0, PAGE_BYTES, MAP_READ | MAP_SHARED);
    if (sys_pipe(ends) || map_memory(0, BOTH) != REFUSED || map_memory(PAGE_BYTES, MAP_WRITE) != REFUSED ||
        map_memory(PAGE_BYTES, BOTH | 64) != REFUSED || map_memory(USER_TOP, BOTH) != REFUSED ||
        map_memory(-1UL, BOTH | MAP_SHARED) != REFUSED || map_file(14, 0, PAGE_BYTES, MAP_READ) != REFUSED ||
        map_file(ends[0], 0, PAGE_BYTES, MAP_READ) != REFUSED || map_file(1, 0, PAGE_BYTES, MAP_READ) != REFUSED ||
        map_file(file, 0, PAGE_BYTES, BOTH | MAP_SHARED) != REFUSED)
        return 0;
    if (sys_mprotect(text, PAGE_BYTES, BOTH) != -1 || sys_munmap(block + 1, PAGE_BYTES) != -1 ||
        sys_munmap((void *)KERNEL_BASE, PAGE_BYTES) != -1 || sys_munmap(block, -1UL) != -1 ||
        sys_msync(block + 1, 1) != -1 || sys_mprotect((void *)KERNEL_BASE, PAGE_BYTES, MAP_READ) != -1)
        return 0;
    u64 maps = 0;
    while (map_memory(PAGE_BYTES, BOTH) != REFUSED)
        maps++;
    return maps > 10 && sys_munmap(block, PAGE_BYTES) == 0 && map_memory(PAGE_BYTES, BOTH) != REFUSED;
}

// The kernel copies between files and maps of files, the same ones too, whose pages are not there yet.
int copies_of_maps(void) {
    const u64 bytes = 3 * PAGE_BYTES;
    fill("one", bytes);
    fill("two", bytes);
    i64 one = sys_open("one", OPEN_READ | OPEN_WRITE), two = sys_open("two", OPEN_READ | OPEN_WRITE), ends[2];
    u8 *first = map_file(one, 0, bytes, BOTH | MAP_SHARED), *second = map_file(two, 0, bytes, BOTH | MAP_SHARED);
    u8 *to = first + PAGE_BYTES + 1;
    if (sys_read(one, to, PAGE_BYTES) != PAGE_BYTES || to[-1] != 1 || to[100] != 100 || to[PAGE_BYTES - 1] != 255)
        return 0;
    if (sys_write(two, second + PAGE_BYTES, 10) != 10 || second[0] != 1 || sys_write(two, first, bytes / 2) < 0)
        return 0;
    if (sys_pipe(ends) || sys_write(ends[1], second + 2 * PAGE_BYTES, 9) != 9 || sys_munmap(first, bytes))
        return 0;
    first = map_file(one, 0, bytes, BOTH);
    return sys_read(ends[0], first + 2 * PAGE_BYTES, 9) == 9 && sys_close(one) == 0 && sys_close(two) == 0 &&
           sys_unlink("one") == 0 && sys_unlink("two") == 0;
}

// Where processes use up memory, pages of files go and come again; what was stored to them is not lost.
int pages_out(void) {
    const u64 bytes = 60 * PAGE_BYTES;
    fill("mapped", bytes);
    i64 file = sys_open("mapped", OPEN_READ | OPEN_WRITE);
    u8 *block = map_file(file, 0, bytes, BOTH | MAP_SHARED);
    for (u64 turn = 1; turn <= 2; turn++) {
        for (u64 i = 0; i < bytes; i += PAGE_BYTES)
            block[i] = (u8)(i / PAGE_BYTES + turn);
        i64 child = sys_fork();
        if (child == 0) {
            use_up_memory();
            sys_exit(block[0] == turn && block[59 * PAGE_BYTES] == 59 + turn ? 0 : 1);
        }
        if (reap(child))
            return 0;
        for (u64 i = 0; i < bytes; i++)
            if (block[i] != (u8)(i % PAGE_BYTES ? i + i / PAGE_BYTES : i / PAGE_BYTES + turn))
                return 0;
    }
    return sys_close(file) == 0 && sys_unlink("mapped") == 0;
}
