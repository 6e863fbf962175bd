// Output by lines.
#include "user.h"

static char line[256];
static u64 used;

static void flush(void) {
    sys_write(1, line, used);
    used = 0;
}

void print(const char *text) {
    for (; *text; text++) {
        line[used++] = *text;
        if (*text == '\n' || used == sizeof line)
            flush();
    }
}
