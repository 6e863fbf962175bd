// Files made and deleted: empty ones, and with 10 KB.
#include "lmbench.h"

#define BIG 10240
#define MOST 64 // files at a time

static u8 content[BIG];

static const char *name_of(u64 i) {
    static char name[2 + NUMBER_BYTES] = "lm";
    format_number(name + 2, i, 10);
    return name;
}

static i64 create(const char *name, u64 bytes) {
    i64 file = sys_open(name, OPEN_WRITE | OPEN_CREATE | OPEN_TRUNCATE);
    i64 written = bytes ? sys_write(file, content, bytes) : 0;
    return file < 0 || written != (i64)bytes ? -1 : sys_close(file);
}

// Makes `count` files, then deletes them; of both, one is in regions of `mark`.
static u64 make_and_delete(u64 mark, u64 count, u64 bytes, int creates) {
    u64 wrong = 0;
    for (u64 i = 0; i < count; i++) {
        const char *name = name_of(i);
        if (creates)
            REGION_BEGIN(mark);
        i64 result = create(name, bytes);
        if (creates)
            REGION_END(mark);
        wrong += result != 0;
    }
    for (u64 i = 0; i < count; i++) {
        const char *name = name_of(i);
        if (!creates)
            REGION_BEGIN(mark);
        i64 result = sys_unlink(name);
        if (!creates)
            REGION_END(mark);
        wrong += result != 0;
    }
    return wrong;
}

static u64 in_portions(u64 mark, u64 rounds, u64 bytes, int creates) {
    u64 wrong = 0;
    for (u64 done = 0; done < rounds; done += MOST)
        wrong += make_and_delete(mark, rounds - done < MOST ? rounds - done : MOST, bytes, creates);
    return wrong;
}

u64 create_0(u64 mark, u64 rounds) {
    return in_portions(mark, rounds, 0, 1);
}

u64 delete_0(u64 mark, u64 rounds) {
    return in_portions(mark, rounds, 0, 0);
}

u64 create_10(u64 mark, u64 rounds) {
    return in_portions(mark, rounds, BIG, 1);
}

u64 delete_10(u64 mark, u64 rounds) {
    return in_portions(mark, rounds, BIG, 0);
}
