// sh PROGRAM ARGUMENTS: runs that line as a process of its own, waits for it, and ends with its status.
#include "user.h"

#define LINE_BYTES 256

// The words behind the program's own name, with a space between them.
static void read_line(char *line) {
    u64 used = 0;
    for (u64 i = 1;; i++) {
        char word[ARGUMENT_BYTES];
        i64 length = sys_getarg(i, word, sizeof word);
        if (length < 0)
            break;
        if (length >= ARGUMENT_BYTES || used + (u64)length + 2 > LINE_BYTES)
            stop("the line is too long", STATUS_USAGE);
        memcpy(line + used, word, (u64)length);
        used += (u64)length;
        line[used++] = ' ';
    }
    line[used] = 0;
}

int main(void) {
    char line[LINE_BYTES];
    read_line(line);
    i64 child = sys_fork();
    if (child == 0) {
        sys_exec(line);
        stop("no such program", STATUS_USAGE);
    }
    u64 status = 0;
    if (child < 0 || sys_wait(&status) != child)
        stop("cannot run the line", STATUS_NO_MEMORY);
    return (int)status;
}
