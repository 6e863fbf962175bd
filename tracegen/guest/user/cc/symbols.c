// What names stand for: each name holds its innermost meaning, and each scope a list of what to undo at its end.
#include "cc.h"

#define MAX_SYMBOLS 4096 // in an object

u64 scope_depth;
static struct symbol *innermost;

static struct tag_undo {
    struct tag_undo *next;
    struct name *name;
} *tags;

static struct symbol *table[MAX_SYMBOLS];

void scope_open(void) {
    scope_depth++;
}

void scope_close(void) {
    for (; innermost && innermost->depth == scope_depth; innermost = innermost->in_scope)
        innermost->name->symbol = innermost->hidden;
    for (; tags && tags->name->tag->depth == scope_depth; tags = tags->next)
        tags->name->tag = tags->name->tag->hidden;
    scope_depth--;
}

struct symbol *declare(struct name *name, u64 kind, struct type *type) {
    if (name->symbol && name->symbol->depth == scope_depth)
        error("'%s' is declared again", name->text);
    struct symbol *symbol = take(sizeof *symbol);
    *symbol = (struct symbol){.name = name, .type = type, .kind = kind, .depth = scope_depth};
    symbol->hidden = name->symbol;
    symbol->in_scope = innermost;
    name->symbol = innermost = symbol;
    return symbol;
}

// At the outermost level, where a name may be declared as often as one likes, if always alike.
struct symbol *declare_global(struct name *name, struct type *type, u64 is_static) {
    struct symbol *symbol = name->symbol;
    if (!symbol) {
        symbol = declare(name, SYMBOL_GLOBAL, type);
        symbol->is_static = is_static;
        return symbol;
    }
    if (symbol->kind != SYMBOL_GLOBAL || !same_type(symbol->type, type))
        error("'%s' is declared as '%s', and was as '%s'", name->text, type_text(type), type_text(symbol->type));
    if (is_static && !symbol->is_static)
        error("'%s' is static now, and was not", name->text);
    if (type->kind != TYPE_ARRAY || type->length)
        symbol->type = type; // the latest has the names of the parameters, or the length
    return symbol;
}

static struct tag *new_tag(struct name *name, struct type *type) {
    struct tag *tag = take(sizeof *tag);
    *tag = (struct tag){.type = type, .hidden = name->tag, .depth = scope_depth};
    struct tag_undo *undo = take(sizeof *undo);
    *undo = (struct tag_undo){.next = tags, .name = name};
    tags = undo;
    return name->tag = tag;
}

struct type *declare_struct(struct name *name, u64 here) {
    struct tag *tag = name->tag;
    if (!tag || (here && tag->depth != scope_depth)) {
        struct type *type = new_type(TYPE_STRUCT);
        type->name = name;
        tag = new_tag(name, type);
    }
    if (!tag->type)
        error("'%s' is an enum", name->text);
    return tag->type;
}

void declare_enum(struct name *name) {
    if (name->tag && name->tag->type)
        error("'%s' is a struct", name->text);
    if (!name->tag)
        new_tag(name, 0);
}

u64 symbol_number(struct symbol *symbol) {
    if (!symbol->number) {
        if (object.symbol_count == MAX_SYMBOLS)
            error("more than %d symbols", (i64)MAX_SYMBOLS);
        table[object.symbol_count++] = symbol;
        symbol->number = object.symbol_count;
    }
    return symbol->number;
}

// What is declared without a value, and never got one, is zero.
void define_tentative(void) {
    for (struct symbol *symbol = innermost; symbol; symbol = symbol->in_scope)
        if (symbol->tentative && symbol->section == SECTION_NONE)
            define_zero(symbol);
}

void define_zero(struct symbol *symbol) {
    symbol->section = SECTION_ZERO;
    symbol->value = (i64)object.zero_bytes;
    object.zero_bytes += (size_of(symbol->type) + 7) & ~7UL;
    symbol_number(symbol);
}

void fill_table(void) {
    object.symbols = take(object.symbol_count * sizeof *object.symbols);
    for (u64 i = 0; i < object.symbol_count; i++) {
        const struct symbol *symbol = table[i];
        if (symbol->is_static && symbol->section == SECTION_NONE)
            error("static '%s' is used but not defined", symbol->name->text);
        object.symbols[i] = (struct object_symbol){(u32)object.names.used, (u32)symbol->section, (u32)symbol->value,
                                                   !symbol->is_static};
        put_text(&object.names, symbol->name->text);
        put_byte(&object.names, 0);
    }
}
