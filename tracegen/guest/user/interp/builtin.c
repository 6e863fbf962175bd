// The functions that every program may call without bringing them along.
#include "interp.h"

enum {
#define NUMBER(name) BUILTIN_##name,
    BUILTINS(NUMBER)
#undef NUMBER
};

static u8 output[PAGE_BYTES];
static u64 used;

void flush(void) {
    if (used && sys_write(1, output, used) != (i64)used)
        fail("the output cannot be written");
    used = 0;
}

static void put(u8 byte) {
    output[used++] = byte;
    if (used == sizeof output)
        flush();
}

static i64 put_line(u64 at, const char **why) {
    for (; at >= DATA_START && at < memory.bytes; at++) {
        if (!memory.at[at]) {
            put('\n');
            return 0;
        }
        put(memory.at[at]);
    }
    *why = "bad address";
    return -1;
}

i64 builtin(u64 index, i64 argument, const char **why) {
    switch (index) {
    case BUILTIN_putchar:
        put((u8)argument);
        return argument & 255;
    case BUILTIN_puts:
        return put_line((u64)argument, why);
    case BUILTIN_exit:
        flush();
        sys_exit((u64)argument & 255);
    default:
        *why = "no such function";
        return -1;
    }
}
