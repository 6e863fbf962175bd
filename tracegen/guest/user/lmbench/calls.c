// System calls that do little.
#include "lmbench.h"

u64 null_call(u64 mark, u64 rounds) {
    u64 wrong = 0;
    for (u64 i = 0; i < rounds; i++) {
        REGION_BEGIN(mark);
        i64 parent = sys_getppid();
        REGION_END(mark);
        wrong += parent != 0;
    }
    return wrong;
}

u64 null_read(u64 mark, u64 rounds) {
    i64 file = sys_open(FILE_NAME, OPEN_READ);
    u64 wrong = 0;
    for (u64 i = 0; i < rounds; i++) {
        u8 byte = 0;
        sys_seek(file, 0);
        REGION_BEGIN(mark);
        i64 n = sys_read(file, &byte, 1);
        REGION_END(mark);
        wrong += n != 1 || byte != FILE_NAME[0];
    }
    return wrong + (sys_close(file) != 0);
}

u64 null_write(u64 mark, u64 rounds) {
    i64 file = sys_open(FILE_NAME, OPEN_WRITE);
    u64 wrong = 0;
    for (u64 i = 0; i < rounds; i++) {
        sys_seek(file, 0);
        REGION_BEGIN(mark);
        i64 n = sys_write(file, FILE_NAME, 1);
        REGION_END(mark);
        wrong += n != 1;
    }
    return wrong + (sys_close(file) != 0);
}

u64 file_stat(u64 mark, u64 rounds) {
    u64 wrong = 0;
    for (u64 i = 0; i < rounds; i++) {
        struct stat found;
        memset(&found, 0, sizeof found);
        REGION_BEGIN(mark);
        i64 result = sys_stat(FILE_NAME, &found);
        REGION_END(mark);
        wrong += result != 0 || found.bytes != sizeof FILE_NAME;
    }
    return wrong;
}

u64 open_close(u64 mark, u64 rounds) {
    u64 wrong = 0;
    for (u64 i = 0; i < rounds; i++) {
        REGION_BEGIN(mark);
        i64 file = sys_open(FILE_NAME, OPEN_READ);
        i64 result = sys_close(file);
        REGION_END(mark);
        wrong += file < 0 || result != 0;
    }
    return wrong;
}
