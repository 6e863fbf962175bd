// Filling in variables.
#include "pmake.h"

#define MAX_DEPTH 8

static void expand_into(struct bytes *to, const char *text, const struct target *of, u64 line, u64 depth);

static void put_needs(struct bytes *to, const struct target *of, u64 all) {
    for (const struct link *need = of->needs; need; need = need->next) {
        put_text(to, need->target->name);
        if (!all)
            return;
        if (need->next)
            put_byte(to, ' ');
    }
}

// `text` follows "$("; what follows the closing parenthesis.
static const char *put_variable(struct bytes *to, const char *text, const struct target *of, u64 line, u64 depth) {
    u64 length = 0;
    while (text[length] && text[length] != ')')
        length++;
    if (!text[length])
        wrong(line, "'$(' without ')'%s", "");
    const char *value = variable(text, length);
    if (!value)
        wrong(line, "variable '%s' is not set", copied(text, length));
    if (depth == MAX_DEPTH)
        wrong(line, "variables stand for each other too deep: '%s'", copied(text, length));
    expand_into(to, value, of, line, depth + 1);
    return text + length + 1;
}

static void expand_into(struct bytes *to, const char *text, const struct target *of, u64 line, u64 depth) {
    while (*text) {
        char c = *text++;
        if (c != '$') {
            put_byte(to, (u8)c);
            continue;
        }
        c = *text++;
        if (c == '(')
            text = put_variable(to, text, of, line, depth);
        else if (c == '$')
            put_byte(to, '$');
        else if (c == '@' && of)
            put_text(to, of->name);
        else if ((c == '<' || c == '^') && of)
            put_needs(to, of, c == '^');
        else
            wrong(line, "'$' stands for nothing here%s", "");
    }
}

const char *expand(const char *text, const struct target *of, u64 line) {
    struct bytes expanded = {0};
    expand_into(&expanded, text, of, line, 0);
    put_byte(&expanded, 0);
    return (const char *)expanded.at;
}
