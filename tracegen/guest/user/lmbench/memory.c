// Files in memory: mapped, touched and given back; and the first touch of a page of one.
#include "lmbench.h"

#define MAP_NAME "lmbench.map"
#define MAP_BYTES 0x80000
#define STEP 0x4000 // as lmbench's lat_mmap touches
#define PAGES (MAP_BYTES / PAGE_BYTES)

static u8 page[PAGE_BYTES];

// A file in the page cache, each page of which begins with its number and 1.
static i64 make_file(void) {
    i64 file = sys_open(MAP_NAME, OPEN_READ | OPEN_WRITE | OPEN_CREATE | OPEN_TRUNCATE);
    for (u64 i = 0; i < PAGES; i++) {
        page[0] = (u8)(i + 1);
        write_all(file, page, sizeof page);
    }
    return file;
}

static u64 end_file(i64 file) {
    return (sys_close(file) != 0) + (sys_unlink(MAP_NAME) != 0);
}

u64 map_latency(u64 mark, u64 rounds) {
    i64 file = make_file();
    u64 wrong = 0;
    for (u64 i = 0; i < rounds; i++) {
        u64 sum = 0, expected = 0;
        REGION_BEGIN(mark);
        const volatile u8 *at = map_file(file, 0, MAP_BYTES, MAP_READ | MAP_SHARED);
        for (u64 k = 0; k < MAP_BYTES; k += STEP)
            sum += at[k];
        i64 result = sys_munmap((void *)at, MAP_BYTES);
        REGION_END(mark);
        for (u64 k = 0; k < MAP_BYTES; k += STEP)
            expected += (u8)(k / PAGE_BYTES + 1);
        wrong += result != 0 || sum != expected;
    }
    return wrong + end_file(file);
}

u64 page_fault(u64 mark, u64 rounds) {
    i64 file = make_file();
    u64 wrong = 0;
    for (u64 done = 0; done < rounds; done += PAGES) {
        const volatile u8 *at = map_file(file, 0, MAP_BYTES, MAP_READ | MAP_SHARED);
        for (u64 i = 0; i < PAGES && done + i < rounds; i++) {
            REGION_BEGIN(mark);
            u8 byte = at[i * PAGE_BYTES];
            REGION_END(mark);
            wrong += byte != (u8)(i + 1);
        }
        wrong += sys_munmap((void *)at, MAP_BYTES) != 0;
    }
    return wrong + end_file(file);
}
