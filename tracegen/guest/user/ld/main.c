// ld PROGRAM OBJECT...: links objects to a program.  ld -r JOINED OBJECT...: joins them to one object.
#include "ld.h"

static char *word(u64 index) {
    char text[ARGUMENT_BYTES];
    i64 length = argument(index, text, sizeof text);
    if (length < 0)
        return 0;
    char *copy = take((u64)length + 1);
    memcpy(copy, text, (u64)length + 1);
    return copy;
}

// What is not a function's name is no longer needed once the addresses are in.
static void keep_functions(void) {
    u64 kept = 0;
    for (u64 i = 0; i < joined.symbol_count; i++)
        if (joined.symbols[i].section == SECTION_CODE)
            joined.symbols[kept++] = joined.symbols[i];
    joined.symbol_count = kept;
}

static void finish(void) {
    bind_builtins();
    refuse_undefined();
    joined.entry = joined.symbols[require("main")].value;
    relocate();
    keep_functions();
}

int main(void) {
    struct bytes file = {0};
    char *first = word(1);
    u64 partial = first && strcmp(first, "-r") == 0;
    char *to = word(1 + partial);
    if (!to || !word(2 + partial))
        stop("usage: ld [-r] RESULT OBJECT...", STATUS_USAGE);
    char *name;
    for (u64 i = 2 + partial; (name = word(i)); i++)
        join(name);
    if (!partial)
        finish();
    object_write(&joined, partial ? OBJECT_MAGIC : EXECUTABLE_MAGIC, &file);
    write_whole(to, &file);
    return EXIT_OK;
}
