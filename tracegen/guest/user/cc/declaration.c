// Declarations: what type a name has, and where it lives.
#include "cc.h"

struct storage {
    u64 is_static, is_extern;
};

static struct storage storage; // what the latest base_type() said

static void constants(void);
static void members(struct type *type);

u64 at_type(void) {
    switch (token.kind) {
    case T_CHAR: case T_CONST: case T_ENUM: case T_EXTERN: case T_INT: case T_LONG: case T_STATIC: case T_STRUCT:
    case T_VOID:
        return 1;
    default:
        return 0;
    }
}

static struct type *struct_type(void) {
    struct name *name = token.kind == T_NAME ? token.name : 0;
    if (name)
        next();
    else if (token.kind != T_LBRACE)
        error("expected the name of a struct");
    struct type *type = name ? declare_struct(name, token.kind == T_LBRACE || token.kind == T_SEMICOLON)
                             : new_type(TYPE_STRUCT);
    if (accept(T_LBRACE)) {
        if (type->bytes)
            error("'%s' is defined again", type_text(type));
        members(type);
    }
    return type;
}

static struct type *enum_type(void) {
    if (token.kind == T_NAME) {
        declare_enum(token.name);
        next();
    }
    if (accept(T_LBRACE))
        constants();
    return &type_int;
}

// What all declarators of a declaration share.
struct type *base_type(void) {
    struct type *type = 0;
    struct storage said = {0};
    for (;;) {
        u64 kind = token.kind, width = kind == T_INT || kind == T_LONG;
        if (!at_type())
            break;
        if (type && kind != T_CONST && !(width && type == &type_int))
            error("two types in one declaration");
        next();
        if (kind == T_STATIC)
            said.is_static = 1;
        else if (kind == T_EXTERN)
            said.is_extern = 1;
        else if (kind == T_STRUCT)
            type = struct_type();
        else if (kind == T_ENUM)
            type = enum_type();
        else if (kind != T_CONST)
            type = kind == T_VOID ? &type_void : kind == T_CHAR ? &type_char : &type_int;
    }
    if (!type)
        error("expected a type");
    storage = said;
    return type;
}

static struct type *stars(struct type *type) {
    while (accept(T_STAR)) {
        type = pointer_to(type);
        while (accept(T_CONST))
            ;
    }
    return type;
}

static struct type *dimensions(struct type *type) {
    if (!accept(T_LBRACKET))
        return type;
    i64 length = 0;
    u64 open = token.kind == T_RBRACKET;
    if (!open && (length = constant()) <= 0)
        error("an array has %d elements", length);
    expect(T_RBRACKET, "']'");
    return array_of(dimensions(type), (u64)length);
}

static void parameter(struct type *function, struct member ***link) {
    struct member *one = take(sizeof *one);
    struct type *type = declarator(base_type(), &one->name);
    one->type = type->kind == TYPE_ARRAY ? pointer_to(type->base) : type;
    if (!is_scalar(one->type))
        error("a parameter cannot be '%s'", type_text(one->type));
    if (++function->count > MAX_PARAMETERS)
        error("more than %d parameters", (i64)MAX_PARAMETERS);
    **link = one;
    *link = &one->next;
}

static struct type *parameters(struct type *result) {
    struct type *function = new_type(TYPE_FUNCTION);
    struct member **link = &function->members;
    function->base = result;
    if (result->kind == TYPE_STRUCT || result->kind == TYPE_ARRAY)
        error("a function cannot return '%s'", type_text(result));
    if (token.kind == T_VOID && ahead()->kind == T_RPAREN)
        next();
    else
        do
            parameter(function, &link);
        while (accept(T_COMMA));
    expect(T_RPAREN, "')'");
    return function;
}

// The name and its type; `name` stays 0 where there is none, which only a parameter may do.
struct type *declarator(struct type *base, struct name **name) {
    struct type *type = stars(base);
    *name = 0;
    if (token.kind == T_NAME) {
        *name = token.name;
        next();
    } else if (token.kind == T_LPAREN) {
        error("a declarator in parentheses is not known here");
    }
    return accept(T_LPAREN) ? parameters(type) : dimensions(type);
}

static struct type *named(struct type *base, struct name **name) {
    struct type *type = declarator(base, name);
    if (!*name)
        error("expected a name");
    return type;
}

struct type *abstract_type(void) {
    return dimensions(stars(base_type()));
}

static void add_member(struct type *type, struct member ***link, struct type *base) {
    struct member *one = take(sizeof *one);
    one->type = named(base, &one->name);
    if (one->type->kind == TYPE_FUNCTION)
        error("a member cannot be a function");
    if (find_member(type, one->name))
        error("member '%s' is declared again", one->name->text);
    u64 bytes = size_of(one->type), align = one->type->align;
    one->offset = (type->bytes + align - 1) / align * align;
    type->bytes = one->offset + bytes;
    type->align = type->align > align ? type->align : align;
    **link = one;
    *link = &one->next;
}

// The struct is complete only at its end: until then its size is kept apart.
static void members(struct type *type) {
    struct type parts;
    memset(&parts, 0, sizeof parts);
    parts.align = 1;
    struct member **link = &parts.members;
    do {
        struct type *base = base_type();
        do
            add_member(&parts, &link, base);
        while (accept(T_COMMA));
        expect(T_SEMICOLON, "';'");
    } while (!accept(T_RBRACE));
    type->members = parts.members;
    type->align = parts.align;
    type->bytes = (parts.bytes + parts.align - 1) / parts.align * parts.align;
}

static void constants(void) {
    i64 value = 0;
    do {
        if (token.kind == T_RBRACE)
            break; // after a last comma
        struct name *name = token.name;
        expect(T_NAME, "the name of a constant");
        if (accept(T_EQUAL))
            value = constant();
        declare(name, SYMBOL_CONSTANT, &type_int)->value = value++;
    } while (accept(T_COMMA));
    expect(T_RBRACE, "'}'");
}

static void global(struct name *name, struct type *type, const struct storage *of) {
    struct symbol *symbol = declare_global(name, type, of->is_static);
    if (type->kind == TYPE_FUNCTION)
        return;
    if (!accept(T_EQUAL)) {
        symbol->tentative |= !of->is_extern;
        return;
    }
    if (symbol->section)
        error("'%s' has a value already", name->text);
    struct entry *entries = initialiser(&symbol->type);
    emit_data(symbol, entries);
}

static u64 is_definition(struct name *name, struct type *type, u64 is_static) {
    if (type->kind != TYPE_FUNCTION || token.kind != T_LBRACE)
        return 0;
    struct symbol *symbol = declare_global(name, type, is_static);
    if (symbol->section)
        error("'%s' is defined again", name->text);
    function_body(symbol, type);
    return 1;
}

static void outermost(void) {
    struct type *base = base_type();
    struct storage of = storage; // parameters have their own
    if (accept(T_SEMICOLON))
        return;
    do {
        struct name *name;
        struct type *type = named(base, &name);
        if (is_definition(name, type, of.is_static))
            return;
        global(name, type, &of);
    } while (accept(T_COMMA));
    expect(T_SEMICOLON, "';'");
}

void unit(void) {
    while (token.kind != T_END)
        outermost();
    define_tentative();
}

// A static of a function: known by its name in there, and kept with the globals.
static void local_static(struct name *name, struct type *type) {
    struct symbol *symbol = declare(name, SYMBOL_GLOBAL, type);
    symbol->is_static = 1;
    if (accept(T_EQUAL)) {
        struct entry *entries = initialiser(&symbol->type);
        emit_data(symbol, entries);
    } else {
        define_zero(symbol);
    }
}

static void store_entries(struct symbol *symbol, const struct entry *entry) {
    for (; entry; entry = entry->next) {
        struct node *address = new_node(NODE_LOCAL, pointer_to(entry->type), 0, 0);
        address->value = symbol->value + (i64)entry->offset;
        effect(assign(load(address, entry->type), entry->value));
    }
}

static void local_variable(struct name *name, struct type *type) {
    struct symbol *symbol = declare(name, SYMBOL_LOCAL, type);
    struct node *first = 0;
    struct entry *entries = 0;
    if (!accept(T_EQUAL)) {
        symbol->value = local_space(type);
        return;
    }
    if (is_scalar(type) || type->kind == TYPE_STRUCT) {
        if (token.kind != T_LBRACE)
            first = assignment();
    }
    if (!first)
        entries = initialiser(&symbol->type);
    symbol->value = local_space(symbol->type);
    if (first) {
        effect(assign(symbol_node(symbol), first));
        return;
    }
    emit(BC_LOCAL, symbol->value);
    emit(BC_CLEAR, (i64)size_of(symbol->type));
    store_entries(symbol, entries);
}

void local_declaration(void) {
    struct type *base = base_type();
    u64 is_static = storage.is_static;
    if (storage.is_extern)
        error("extern stands at the outermost level only");
    if (accept(T_SEMICOLON))
        return;
    do {
        struct name *name;
        struct type *type = named(base, &name);
        if (type->kind == TYPE_FUNCTION || type->kind == TYPE_VOID)
            error("a variable cannot be '%s'", type_text(type));
        if (is_static)
            local_static(name, type);
        else
            local_variable(name, type);
    } while (accept(T_COMMA));
    expect(T_SEMICOLON, "';'");
}
