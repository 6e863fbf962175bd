// cmp ONE OTHER: whether two files are the same; says from which line on they are not.
#include "tools.h"

static char *load(u64 index, struct bytes *into) {
    static char names[2][ARGUMENT_BYTES];
    char *name = names[index - 1];
    if (argument(index, name, ARGUMENT_BYTES) < 0)
        stop("usage: cmp ONE OTHER", STATUS_USAGE);
    if (read_whole(name, into))
        fail("cannot read %s", name);
    return name;
}

int main(void) {
    struct bytes one = {0}, other = {0};
    char *first = load(1, &one), *second = load(2, &other);
    u64 line = 1;
    for (u64 i = 0; i < one.used && i < other.used && one.at[i] == other.at[i]; i++)
        line += one.at[i] == '\n';
    u64 same = one.used == other.used;
    for (u64 i = 0; same && i < one.used; i++)
        same = one.at[i] == other.at[i];
    if (!same)
        fail("%s and %s differ from line %d on", first, second, (i64)line);
    return EXIT_OK;
}
