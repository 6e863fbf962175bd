// Types: few, and compared by structure.
#include "cc.h"

struct type type_void = {.kind = TYPE_VOID};
struct type type_char = {.kind = TYPE_CHAR, .bytes = 1, .align = 1};
struct type type_int = {.kind = TYPE_INT, .bytes = 8, .align = 8};

struct type *new_type(u64 kind) {
    struct type *type = take(sizeof *type);
    type->kind = kind;
    return type;
}

struct type *pointer_to(struct type *base) {
    if (!base->pointer) {
        base->pointer = new_type(TYPE_POINTER);
        base->pointer->base = base;
        base->pointer->bytes = base->pointer->align = 8;
    }
    return base->pointer;
}

struct type *array_of(struct type *base, u64 length) {
    struct type *type = new_type(TYPE_ARRAY);
    type->base = base;
    type->length = length;
    type->bytes = length * size_of(base);
    type->align = base->align;
    return type;
}

static u64 same_members(const struct member *a, const struct member *b) {
    for (; a && b; a = a->next, b = b->next)
        if (!same_type(a->type, b->type))
            return 0;
    return a == b;
}

// An array of unknown length is the same as one of any.
u64 same_type(const struct type *a, const struct type *b) {
    if (a == b)
        return 1;
    if (a->kind != b->kind)
        return 0;
    switch (a->kind) {
    case TYPE_POINTER:
        return same_type(a->base, b->base);
    case TYPE_ARRAY:
        return same_type(a->base, b->base) && (a->length == b->length || !a->length || !b->length);
    case TYPE_FUNCTION:
        return same_type(a->base, b->base) && same_members(a->members, b->members);
    default:
        return a->kind != TYPE_STRUCT; // structs are the same only if they are one
    }
}

u64 is_integer(const struct type *type) {
    return type->kind == TYPE_INT || type->kind == TYPE_CHAR;
}

u64 is_scalar(const struct type *type) {
    return is_integer(type) || type->kind == TYPE_POINTER;
}

u64 size_of(const struct type *type) {
    if (!type->bytes)
        error("the size of '%s' is not known", type_text(type));
    return type->bytes;
}

static void describe(const struct type *type, struct bytes *to) {
    switch (type->kind) {
    case TYPE_VOID:
        put_text(to, "void");
        break;
    case TYPE_CHAR:
        put_text(to, "char");
        break;
    case TYPE_INT:
        put_text(to, "int");
        break;
    case TYPE_STRUCT:
        put_text(to, "struct ");
        put_text(to, type->name ? type->name->text : "(no name)");
        break;
    default:
        describe(type->base, to);
        put_text(to, type->kind == TYPE_POINTER ? " *" : type->kind == TYPE_ARRAY ? "[]" : "()");
    }
}

const char *type_text(const struct type *type) {
    struct bytes text = {0};
    describe(type, &text);
    put_byte(&text, 0);
    return (const char *)text.at;
}

struct member *find_member(const struct type *type, const struct name *name) {
    struct member *member = type->members;
    while (member && member->name != name)
        member = member->next;
    return member;
}
