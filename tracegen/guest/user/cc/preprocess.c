// Directives and macros: #include "x.h", #define NAME tokens, #undef, #ifdef, #ifndef, #else, #endif.
#include "cc.h"

#define MAX_INCLUDES 16
#define MAX_EXPANSIONS 16
#define MAX_BODY 64

struct token token;

static struct token raw;            // the last one of the source, before macros
static u64 looked_ahead;
static struct token after;          // the parser's next but one
static u64 includes;

static struct {
    struct macro *macro;
    u64 next;
} expansion[MAX_EXPANSIONS];
static u64 expansions;

// Messages name the file and line of the token they are about.
static void blame(u64 line) {
    token.line = line;
}

void source_open(const char *file, u64 including) {
    struct bytes text = {0};
    if (read_whole(file, &text)) {
        if (including)
            error("no file \"%s\"", file);
        fail("cannot read %s", file);
    }
    if (includes++ == MAX_INCLUDES)
        error("files are included more than %d deep", (i64)MAX_INCLUDES);
    struct source *opened = take(sizeof *opened);
    *opened = (struct source){.file = file, .at = text.at, .line = 1, .fresh = 1, .below = source};
    source = opened;
}

// Reads the next token if it is on the directive's own line.
static u64 more_on_line(void) {
    if (line_ends())
        return 0;
    lex(&raw);
    return 1;
}

static struct name *directive_name(void) {
    if (!more_on_line() || !raw.name)
        error("a directive lacks a name");
    return raw.name;
}

static void end_of_directive(void) {
    if (more_on_line())
        error("a directive has more on its line than it takes");
}

static u64 same_body(const struct macro *macro, const struct token *body, u64 count) {
    if (macro->count != count)
        return 0;
    for (u64 i = 0; i < count; i++)
        if (macro->body[i].kind != body[i].kind || macro->body[i].value != body[i].value ||
            macro->body[i].name != body[i].name)
            return 0;
    return 1;
}

static void define(void) {
    struct token body[MAX_BODY];
    struct name *name = directive_name();
    u64 count = 0;
    if (*source->at == '(')
        error("macro '%s' takes arguments, which are not known here", name->text);
    while (more_on_line()) {
        if (count == MAX_BODY)
            error("macro '%s' has more than %d tokens", name->text, (i64)MAX_BODY);
        body[count++] = raw;
    }
    if (name->macro && !same_body(name->macro, body, count))
        error("macro '%s' is defined again, and differs", name->text);
    struct macro *macro = take(sizeof *macro);
    *macro = (struct macro){.body = take((count + 1) * sizeof *body), .count = count};
    memcpy(macro->body, body, count * sizeof *body);
    name->macro = macro;
}

static void include(void) {
    if (!more_on_line() || raw.kind != T_STRING)
        error("#include takes a file name between quotes");
    struct bytes file = raw.text;
    put_byte(&file, 0);
    end_of_directive();
    source_open((const char *)file.at, 1);
}

static struct name *name_else, *name_endif, *name_ifdef, *name_ifndef, *name_define, *name_include, *name_undef;

void preprocess_start(void) {
    name_else = intern_text("else");
    name_endif = intern_text("endif");
    name_ifdef = intern_text("ifdef");
    name_ifndef = intern_text("ifndef");
    name_define = intern_text("define");
    name_include = intern_text("include");
    name_undef = intern_text("undef");
}

// Leaves out lines up to the #endif of this group, or to its #else where that counts.
static void skip_group(u64 line, u64 to_else) {
    for (u64 inner = 0;;) {
        lex(&raw);
        if (raw.kind == T_END) {
            blame(line);
            error("a condition does not end");
        }
        if (!raw.first || raw.kind != T_HASH)
            continue;
        lex(&raw);
        if (raw.name == name_ifdef || raw.name == name_ifndef)
            inner++;
        else if (raw.name == name_endif && !inner--)
            return;
        else if (raw.name == name_else && !inner && to_else) {
            source->conditions++;
            return;
        }
    }
}

static void directive(void) {
    u64 line = raw.line;
    blame(line);
    struct name *name = directive_name();
    if (name == name_include) {
        include();
        return;
    } else if (name == name_define) {
        define();
    } else if (name == name_undef) {
        directive_name()->macro = 0;
    } else if (name == name_ifdef || name == name_ifndef) {
        u64 known = directive_name()->macro != 0;
        if (known == (name == name_ifdef))
            source->conditions++;
        else
            skip_group(line, 1);
    } else if (name == name_else || name == name_endif) {
        if (!source->conditions--)
            error("#%s without a condition", name->text);
        if (name == name_else)
            skip_group(line, 0);
    } else {
        error("directive #%s is not known", name->text);
    }
    end_of_directive();
}

static u64 from_expansion(struct token *to) {
    while (expansions) {
        struct macro *macro = expansion[expansions - 1].macro;
        if (expansion[expansions - 1].next < macro->count) {
            u64 line = raw.line;
            *to = macro->body[expansion[expansions - 1].next++];
            to->line = line;
            return 1;
        }
        macro->active = 0;
        expansions--;
    }
    return 0;
}

// The next token with directives obeyed and files ended, but macros as they are.
static void from_source(struct token *to) {
    for (;;) {
        lex(&raw);
        if (raw.kind == T_HASH && raw.first) {
            directive();
        } else if (raw.kind == T_END && source->below) {
            if (source->conditions) {
                blame(raw.line);
                error("a condition does not end");
            }
            source = source->below;
            includes--;
        } else {
            break;
        }
    }
    if (raw.kind == T_END && source->conditions) {
        blame(raw.line);
        error("a condition does not end");
    }
    *to = raw;
}

static void read_token(struct token *to) {
    for (;;) {
        if (!from_expansion(to))
            from_source(to);
        struct macro *macro = to->kind == T_NAME ? to->name->macro : 0;
        if (!macro || macro->active)
            return;
        if (expansions == MAX_EXPANSIONS)
            error("macros stand for each other more than %d deep", (i64)MAX_EXPANSIONS);
        macro->active = 1;
        expansion[expansions].macro = macro;
        expansion[expansions++].next = 0;
    }
}

void next(void) {
    if (looked_ahead)
        token = after, looked_ahead = 0;
    else
        read_token(&token);
}

struct token *ahead(void) {
    if (!looked_ahead)
        read_token(&after), looked_ahead = 1;
    return &after;
}

u64 accept(u64 kind) {
    if (token.kind != kind)
        return 0;
    next();
    return 1;
}

void expect(u64 kind, const char *what) {
    if (!accept(kind))
        error("expected %s", what);
}
