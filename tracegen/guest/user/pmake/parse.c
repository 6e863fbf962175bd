// The Makefile: `NAME = value`, `targets: needs` with a command below after a tab, one `%.o: %.c`, comments after #,
// and lines that go on after a backslash.
#include "pmake.h"

struct pattern pattern;

static struct link *open_rule; // the targets that a command line would belong to
static u64 in_pattern, in_rule;

static u64 is_blank(char c) {
    return c == ' ' || c == '\t';
}

static const char *skip_blanks(const char *text) {
    while (is_blank(*text))
        text++;
    return text;
}

// The next word of `text`: its length; moves `text` to its start.
static u64 word(const char **text) {
    u64 length = 0;
    *text = skip_blanks(*text);
    while ((*text)[length] && !is_blank((*text)[length]))
        length++;
    return length;
}

// A copy with one space between words.
static const char *squeezed(const char *text) {
    struct bytes words = {0};
    for (u64 length; (length = word(&text)); text += length) {
        if (words.used)
            put_byte(&words, ' ');
        put_block(&words, text, length);
    }
    put_byte(&words, 0);
    return (const char *)words.at;
}

static const char *find(const char *text, char c) {
    while (*text && *text != c)
        text++;
    return *text ? text : 0;
}

static void command(const char *text, u64 line) {
    text = skip_blanks(text);
    if (!in_rule)
        wrong(line, "a command without a rule: '%s'", text);
    if (in_pattern) {
        if (pattern.command)
            wrong(line, "a second command for the pattern: '%s'", text);
        pattern.command = text;
        pattern.line = line;
    }
    for (const struct link *one = open_rule; one; one = one->next) {
        if (one->target->command)
            wrong(line, "a second command for '%s'", one->target->name);
        one->target->command = text;
        one->target->line = line;
    }
}

static void pattern_rule(const char *to, const char *from, u64 line) {
    u64 length = word(&from);
    if (pattern.to || from[0] != '%' || *skip_blanks(from + length))
        wrong(line, "there is one pattern rule, of the form '%%.o: %%.c': '%s'", to);
    length = word(&to);
    pattern.to = copied(to + 1, length - 1);
    length = word(&from);
    pattern.from = copied(from + 1, length - 1);
    in_pattern = 1;
}

static void add_needs(struct target *target, const char *text) {
    for (u64 length; (length = word(&text)); text += length) {
        struct link *need = take(sizeof *need);
        need->target = target_of(text, length);
        *target->tail = need;
        target->tail = &need->next;
    }
}

static void rule(const char *text, const char *colon, u64 line) {
    const char *names = expand(copied(text, (u64)(colon - text)), 0, line);
    const char *needs = expand(colon + 1, 0, line);
    open_rule = 0;
    in_rule = 1;
    in_pattern = 0;
    if (*skip_blanks(names) == '%') {
        pattern_rule(skip_blanks(names), needs, line);
        return;
    }
    if (!*skip_blanks(names))
        wrong(line, "a rule without a target: '%s'", text);
    for (u64 length; (length = word(&names)); names += length) {
        struct link *one = take(sizeof *one);
        *one = (struct link){open_rule, target_of(names, length)};
        open_rule = one;
        add_needs(one->target, needs);
    }
}

static void line_of(char *text, u64 line) {
    if (*text == '\t') {
        command(text, line);
        return;
    }
    char *comment = (char *)find(text, '#');
    if (comment)
        *comment = 0;
    const char *equals = find(text, '='), *colon = find(text, ':'), *start = skip_blanks(text);
    if (!*start)
        return;
    if (equals && (!colon || equals < colon)) {
        set_variable(start, word(&start), squeezed(equals + 1));
        in_rule = 0;
    } else if (colon) {
        rule(text, colon, line);
    } else {
        wrong(line, "neither a rule nor a variable: '%s'", text);
    }
}

void parse(void) {
    struct bytes file = {0};
    if (read_whole(MAKEFILE, &file))
        fail("cannot read " MAKEFILE);
    u64 number = 1;
    for (char *at = (char *)file.at; *at;) {
        char *start = at;
        u64 line = number;
        for (; *at && *at != '\n'; at++)
            if (at[0] == '\\' && at[1] == '\n')
                at[0] = at[1] = ' ', number++;
        if (*at)
            *at++ = 0, number++;
        line_of(start, line);
    }
}
