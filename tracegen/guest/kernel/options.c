// The kernel's own options: words NAME=VALUE before the command line in the boot argument string.
#include "kernel.h"
#include "lock.h"

static void set_locks(const char *value) {
    if (*value == 'f')
        locks_divide();
}

// Which kernel this is was decided before it booted.
static void set_kernel(const char *) {
}

static void set_pages(const char *value) {
    pages_are_large = *value == 'l';
}

static const struct {
    const char *name; // with its =
    void (*set)(const char *value);
} options[] = {
    {"balloon=", balloon_demands},
    {"kernel=", set_kernel},
    {"locks=", set_locks},
    {"pages=", set_pages},
};

// What follows `name` at the beginning of `line`; 0 if it does not begin so.
static const char *behind(const char *line, const char *name) {
    while (*name && *line == *name)
        line++, name++;
    return *name ? 0 : line;
}

// Sets the option at the beginning of `line`.  0 where there is none of ours.
static int set(const char *line) {
    for (u64 i = 0; i < sizeof options / sizeof *options; i++) {
        const char *value = behind(line, options[i].name);
        if (value)
            options[i].set(value);
        if (value)
            return 1;
    }
    return 0;
}

// Sets the options that `line` begins with.  Returns the command line behind them.
const char *options_find(const char *line) {
    while (set(line)) {
        while (*line && *line != ' ')
            line++;
        while (*line == ' ')
            line++;
    }
    return line;
}
