// Building and checking the trees of expressions; fold.c simplifies each node as it is made.
#include "cc.h"

struct node *new_node(u64 kind, struct type *type, struct node *left, struct node *right) {
    struct node *node = take(sizeof *node);
    node->kind = kind;
    node->type = type;
    node->left = left;
    node->right = right;
    return node;
}

struct node *number_node(i64 value) {
    struct node *node = new_node(NODE_NUMBER, &type_int, 0, 0);
    node->value = value;
    return node;
}

// A constant, a function's address, or what lies at a variable's.
struct node *symbol_node(struct symbol *symbol) {
    if (symbol->kind == SYMBOL_CONSTANT)
        return number_node(symbol->value);
    u64 local = symbol->kind == SYMBOL_LOCAL;
    struct node *address = new_node(local ? NODE_LOCAL : NODE_GLOBAL, pointer_to(symbol->type), 0, 0);
    if (local)
        address->value = symbol->value;
    else
        address->symbol = symbol;
    return load(address, symbol->type);
}

struct node *load(struct node *address, struct type *type) {
    return new_node(NODE_LOAD, type, address, 0);
}

struct node *address_of(struct node *node) {
    if (node->kind != NODE_LOAD)
        error("'&' takes something that lies in memory");
    struct node *address = new_node(node->left->kind, pointer_to(node->type), 0, 0);
    struct type *type = address->type;
    memcpy(address, node->left, sizeof *address);
    address->type = type;
    return address;
}

struct node *value_of(struct node *node) {
    if (node->type->kind == TYPE_ARRAY) {
        struct node *address = address_of(node);
        address->type = pointer_to(node->type->base);
        return address;
    }
    if (!is_scalar(node->type))
        error("a '%s' is no value here", type_text(node->type));
    return node;
}

static struct node *scaled(struct node *index, const struct type *pointer) {
    i64 bytes = (i64)size_of(pointer->base);
    return bytes == 1 ? index : binary(BC_MUL, index, number_node(bytes));
}

static struct node *operation(u64 op, struct type *type, struct node *left, struct node *right) {
    struct node *node = new_node(NODE_BINARY, type, left, right);
    node->op = op;
    return fold(node);
}

static u64 is_null(const struct node *node) {
    return node->kind == NODE_NUMBER && node->value == 0;
}

static u64 comparable(const struct node *left, const struct node *right) {
    if (is_integer(left->type) && is_integer(right->type))
        return 1;
    if (left->type->kind != TYPE_POINTER || right->type->kind != TYPE_POINTER)
        return is_null(left) || is_null(right);
    return same_type(left->type, right->type) || left->type->base == &type_void || right->type->base == &type_void;
}

[[noreturn]] static void mismatch(const struct node *left, const struct node *right) {
    error("no operation takes '%s' and '%s' here", type_text(left->type), type_text(right->type));
}

static struct node *pointer_arithmetic(u64 op, struct node *left, struct node *right) {
    if (op == BC_ADD && is_integer(left->type))
        return operation(op, right->type, scaled(left, right->type), right);
    if ((op == BC_ADD || op == BC_SUB) && is_integer(right->type))
        return operation(op, left->type, left, scaled(right, left->type));
    if (op != BC_SUB || !same_type(left->type, right->type))
        mismatch(left, right);
    struct node *bytes = operation(op, &type_int, left, right);
    return operation(BC_DIV, &type_int, bytes, number_node((i64)size_of(left->type->base)));
}

struct node *binary(u64 op, struct node *left, struct node *right) {
    left = value_of(left);
    right = value_of(right);
    if (op >= BC_EQ && op <= BC_LE) {
        if (!comparable(left, right))
            mismatch(left, right);
        return operation(op, &type_int, left, right);
    }
    if (!is_integer(left->type) || !is_integer(right->type))
        return pointer_arithmetic(op, left, right);
    return operation(op, &type_int, left, right);
}

struct node *unary(u64 op, struct node *operand) {
    operand = value_of(operand);
    if (op != BC_NOT && !is_integer(operand->type))
        error("no operation takes '%s' here", type_text(operand->type));
    struct node *node = new_node(NODE_UNARY, op == BC_TO_CHAR ? &type_char : &type_int, operand, 0);
    node->op = op;
    return fold(node);
}

struct node *convert(struct type *to, struct node *value, const char *where) {
    value = value_of(value);
    if (to->kind == TYPE_CHAR && value->type->kind == TYPE_INT)
        return unary(BC_TO_CHAR, value);
    if (is_integer(to) && is_integer(value->type))
        return value;
    if (to->kind == TYPE_POINTER && value->type->kind == TYPE_POINTER) {
        if (same_type(to, value->type) || to->base == &type_void || value->type->base == &type_void)
            return value;
    } else if (to->kind == TYPE_POINTER && is_null(value)) {
        return value;
    }
    error("%s: '%s' where '%s' is wanted", where, type_text(value->type), type_text(to));
}

static void need_place(const struct node *node) {
    if (node->kind != NODE_LOAD || node->type->kind == TYPE_ARRAY || node->type->kind == TYPE_FUNCTION)
        error("this cannot be assigned to");
}

struct node *assign(struct node *to, struct node *value) {
    need_place(to);
    if (to->type->kind != TYPE_STRUCT)
        return new_node(NODE_STORE, to->type, to->left, convert(to->type, value, "assignment"));
    if (value->kind != NODE_LOAD || value->type != to->type)
        error("assignment: '%s' where '%s' is wanted", type_text(value->type), type_text(to->type));
    return new_node(NODE_COPY, to->type, to->left, value->left);
}

struct node *compound(u64 op, struct node *to, struct node *value) {
    need_place(to);
    value = value_of(value);
    struct node *changed = binary(op, to, value); // checks it
    if (to->type->kind == TYPE_POINTER) {
        if (changed->type->kind != TYPE_POINTER)
            mismatch(to, value);
        value = scaled(value, to->type);
    }
    struct node *node = new_node(NODE_COMPOUND, to->type, to->left, value);
    node->op = op;
    return node;
}

struct node *step(struct node *to, i64 by, u64 after) {
    need_place(to);
    if (to->type->kind == TYPE_POINTER)
        by *= (i64)size_of(to->type->base);
    else if (!is_integer(to->type))
        error("no operation takes '%s' here", type_text(to->type));
    struct node *node = new_node(NODE_STEP, to->type, to->left, 0);
    node->value = by;
    node->op = after;
    return node;
}
