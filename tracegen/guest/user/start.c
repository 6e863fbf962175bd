// One program file holds every program; argument 0 of the command line names the one to run.
#include "user.h"

static const struct {
    const char *name;
    int (*run)(void);
} programs[] = {
    {"gups", gups},
    {"radix", radix},
    {"echo", echo},
    {"usertests", usertests},
};

static char name[ARGUMENT_BYTES];

[[noreturn]] void stop(const char *why, u64 status) {
    print(name);
    print(": ");
    print(why);
    print("\n");
    sys_exit(status);
}

u64 number_argument(u64 index) {
    char text[ARGUMENT_BYTES];
    i64 length = sys_getarg(index, text, sizeof text);
    i64 value = length < 0 || length >= ARGUMENT_BYTES ? -1 : parse_number(text);
    if (value < 0)
        stop("an argument is missing or not a number", STATUS_USAGE);
    return (u64)value;
}

void *allocate(u64 bytes) {
    i64 block = sys_sbrk(bytes);
    if (block == -1)
        stop("out of memory", EXIT_MEMORY);
    return (void *)block;
}

[[noreturn]] void start(void) {
    i64 length = sys_getarg(0, name, sizeof name);
    if (length < 0 || length >= ARGUMENT_BYTES)
        name[0] = 0;
    for (u64 i = 0; i < sizeof programs / sizeof *programs; i++)
        if (strcmp(name, programs[i].name) == 0)
            sys_exit((u64)programs[i].run());
    stop("no such program", STATUS_USAGE);
}
