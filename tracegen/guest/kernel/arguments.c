// Command lines.  A line stays as it was given: the recorder tells it when a run ends early.
#include "proc.h"

// Finds the words of `in->text`.  0, or which limit of param.h they exceed.
const char *arguments_find(struct arguments *in) {
    in->count = 0;
    for (const char *p = in->text; *p;) {
        if (*p == ' ') {
            p++;
            continue;
        }
        if (in->count == MAX_ARGUMENTS)
            return "too many words in a command line";
        in->start[in->count++] = (u16)(p - in->text);
        while (*p && *p != ' ')
            p++;
    }
    return 0;
}

// The same for the line that the first program begins with.
const char *arguments_begin(struct arguments *in, const char *line) {
    u64 length = strlen(line);
    if (length >= LINE_BYTES)
        return "boot argument string too long";
    memcpy(in->text, line, length + 1);
    return arguments_find(in);
}

// Length of word `i`; 0 where there is none.
u64 argument_length(const struct arguments *in, u64 i) {
    u64 n = 0;
    if (i < in->count)
        for (const char *p = in->text + in->start[i]; p[n] && p[n] != ' ';)
            n++;
    return n;
}
