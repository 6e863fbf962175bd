// Initialisers: any nesting of braces becomes a list of scalars with their offsets; the rest is zero.
#include "cc.h"

static struct entry **tail;

static void add(u64 offset, struct type *type, struct node *value) {
    struct entry *entry = take(sizeof *entry);
    *entry = (struct entry){.offset = offset, .type = type, .value = convert(type, value, "initialiser")};
    *tail = entry;
    tail = &entry->next;
}

static void part(struct type *type, u64 offset);

// "..." for an array of characters, whose length it gives if there is none yet.
static u64 characters(struct type *type, u64 offset) {
    u64 i;
    for (i = 0; i < token.text.used; i++)
        add(offset + i, &type_char, number_node(token.text.at[i]));
    if (type->length && i > type->length)
        error("a string of %d characters is too long for '%s' of %d", (i64)i, type_text(type), (i64)type->length);
    next();
    return i + 1;
}

static u64 elements(struct type *type, u64 offset) {
    u64 i = 0;
    if (type->base->kind == TYPE_CHAR && token.kind == T_STRING)
        return characters(type, offset);
    expect(T_LBRACE, "'{'");
    while (token.kind != T_RBRACE) {
        if (type->length && i == type->length)
            error("more than %d elements", (i64)type->length);
        part(type->base, offset + i++ * size_of(type->base));
        if (!accept(T_COMMA))
            break;
    }
    expect(T_RBRACE, "'}'");
    return i;
}

static void struct_parts(struct type *type, u64 offset) {
    struct member *member = type->members;
    size_of(type);
    expect(T_LBRACE, "'{'");
    while (token.kind != T_RBRACE) {
        if (!member)
            error("more values than '%s' has members", type_text(type));
        part(member->type, offset + member->offset);
        member = member->next;
        if (!accept(T_COMMA))
            break;
    }
    expect(T_RBRACE, "'}'");
}

static void part(struct type *type, u64 offset) {
    if (type->kind == TYPE_ARRAY) {
        elements(type, offset);
    } else if (type->kind == TYPE_STRUCT) {
        struct_parts(type, offset);
    } else {
        u64 braces = accept(T_LBRACE);
        add(offset, type, assignment());
        if (braces)
            expect(T_RBRACE, "'}'");
    }
}

struct entry *initialiser(struct type **type) {
    struct entry *first = 0;
    tail = &first;
    if ((*type)->kind == TYPE_ARRAY) {
        u64 length = elements(*type, 0);
        if (!(*type)->length)
            *type = array_of((*type)->base, length);
    } else {
        part(*type, 0);
    }
    return first;
}

// Data of the object: each value must be a number, or an address that the linker knows.
void emit_data(struct symbol *symbol, struct entry *entry) {
    u64 bytes = size_of(symbol->type), start = object.data.used;
    put_zeroes(&object.data, (bytes + 7) & ~7UL);
    symbol->section = SECTION_DATA;
    symbol->value = (i64)start;
    symbol_number(symbol);
    for (; entry; entry = entry->next) {
        const struct node *value = entry->value;
        u8 *at = object.data.at + start + entry->offset;
        if (value->kind == NODE_GLOBAL)
            add_relocation(SECTION_DATA, start + entry->offset, value->symbol, value->value);
        else if (value->kind != NODE_NUMBER)
            error("the value of '%s' is not constant", symbol->name->text);
        else if (entry->type->kind == TYPE_CHAR)
            *at = (u8)value->value;
        else
            set_64(at, (u64)value->value);
    }
}

struct symbol *string_symbol(const struct bytes *text) {
    struct symbol *symbol = take(sizeof *symbol);
    *symbol = (struct symbol){.name = intern_text("(string)"), .kind = SYMBOL_GLOBAL, .is_static = 1};
    symbol->type = array_of(&type_char, text->used);
    symbol->section = SECTION_DATA;
    symbol->value = (i64)object.data.used;
    put_block(&object.data, text->at, text->used);
    put_zeroes(&object.data, -text->used & 7);
    return symbol;
}
