// More expressions: members, elements, choices, casts, calls.
#include "cc.h"

struct node *index_node(struct node *array, struct node *index) {
    struct node *address = binary(BC_ADD, array, index);
    if (address->type->kind != TYPE_POINTER)
        error("'[' takes an array or a pointer");
    return load(address, address->type->base);
}

// `from.name`, or `from->name` when `through` a pointer.
struct node *member_node(struct node *from, struct name *name, u64 through) {
    if (through) {
        from = value_of(from);
        if (from->type->kind != TYPE_POINTER)
            error("'->' takes a pointer to a struct, not '%s'", type_text(from->type));
        from = load(from, from->type->base);
    }
    if (from->type->kind != TYPE_STRUCT || from->kind != NODE_LOAD)
        error("'%s' takes a struct, not '%s'", through ? "->" : ".", type_text(from->type));
    struct member *member = find_member(from->type, name);
    if (!member)
        error("'%s' has no member '%s'", type_text(from->type), name->text);
    struct node *address = new_node(NODE_BINARY, pointer_to(member->type), from->left, number_node((i64)member->offset));
    address->op = BC_ADD;
    return load(fold(address), member->type);
}

struct node *choice(struct node *test, struct node *yes, struct node *no) {
    struct node *node;
    if (yes->type->kind == TYPE_VOID && no->type->kind == TYPE_VOID) {
        node = new_node(NODE_CHOICE, &type_void, value_of(test), yes);
    } else {
        yes = value_of(yes);
        no = value_of(no);
        struct type *type = yes->type->kind == TYPE_POINTER ? yes->type : no->type;
        if (is_integer(yes->type) && is_integer(no->type))
            type = &type_int;
        no = convert(type, no, "choice");
        node = new_node(NODE_CHOICE, type, value_of(test), convert(type, yes, "choice"));
    }
    node->third = no;
    return fold(node);
}

struct node *cast(struct type *type, struct node *node) {
    if (type->kind == TYPE_VOID) {
        node = new_node(NODE_COMMA, type, node, number_node(0));
        return node;
    }
    if (!is_scalar(type))
        error("nothing can be made a '%s'", type_text(type));
    node = value_of(node);
    if (type->kind == TYPE_CHAR)
        return is_integer(node->type) ? unary(BC_TO_CHAR, node) : convert(type, node, "cast");
    struct node *same = new_node(node->kind, type, 0, 0);
    memcpy(same, node, sizeof *same);
    if (node->kind == NODE_LOAD && node->type->bytes != type->bytes)
        return binary(BC_ADD, node, number_node(0)); // a character becomes a word; it is no longer a place
    same->type = type;
    return same;
}

struct node *call(struct node *function, struct node *arguments) {
    if (function->type->kind != TYPE_FUNCTION)
        error("a '%s' cannot be called", type_text(function->type));
    const char *name = function->left->symbol->name->text;
    struct member *parameter = function->type->members;
    struct node *first = 0, **link = &first;
    u64 given = 0;
    for (struct node *following; arguments; arguments = following, given++) {
        following = arguments->next;
        if (!parameter)
            error("'%s' takes %d arguments and no more", name, (i64)function->type->count);
        *link = convert(parameter->type, arguments, "argument");
        (*link)->next = 0;
        link = &(*link)->next;
        parameter = parameter->next;
    }
    if (parameter)
        error("'%s' takes %d arguments, %d are given", name, (i64)function->type->count, (i64)given);
    struct node *node = new_node(NODE_CALL, function->type->base, first, 0);
    node->symbol = function->left->symbol;
    return node;
}
