// Constant folding, and the algebra of one node over folded ones.
#include "cc.h"

static i64 computed(u64 op, i64 a, i64 b) {
    switch (op) {
    case BC_ADD: return (i64)((u64)a + (u64)b);
    case BC_SUB: return (i64)((u64)a - (u64)b);
    case BC_MUL: return (i64)((u64)a * (u64)b);
    case BC_DIV: return b == -1 ? (i64)-(u64)a : a / b;
    case BC_MOD: return b == -1 ? 0 : a % b;
    case BC_AND: return a & b;
    case BC_OR: return a | b;
    case BC_XOR: return a ^ b;
    case BC_SHL: return (i64)((u64)a << (b & 63));
    case BC_SHR: return a >> (b & 63);
    case BC_EQ: return a == b;
    case BC_NE: return a != b;
    case BC_LT: return a < b;
    case BC_GE: return a >= b;
    case BC_GT: return a > b;
    default: return a <= b;
    }
}

static u64 is_number(const struct node *node) {
    return node->kind == NODE_NUMBER;
}

static struct node *with_value(struct node *node, i64 value) {
    node->kind = NODE_NUMBER;
    node->left = node->right = 0;
    node->value = value;
    return node;
}

// `node` becomes what `other` is, but keeps its own type.
static struct node *becomes(struct node *node, const struct node *other) {
    struct type *type = node->type;
    struct node *next = node->next;
    memcpy(node, other, sizeof *node);
    node->type = type;
    node->next = next;
    return node;
}

// Address plus constant is another address; so is a sum with a constant plus one more.
static struct node *fold_sum(struct node *node) {
    struct node *left = node->left;
    i64 by = node->right->value;
    u64 inside = left->kind == NODE_LOCAL && in_the_frame(left->value + by);
    if (inside || left->kind == NODE_GLOBAL) {
        becomes(node, left);
        node->value += by;
    } else if (left->kind == NODE_BINARY && left->op == BC_ADD && is_number(left->right)) {
        node->right = number_node(computed(BC_ADD, left->right->value, by));
        node->left = left->left;
    }
    return node;
}

static u64 is_power(i64 value) {
    return value > 0 && !(value & (value - 1));
}

static i64 log_of(i64 value) {
    i64 log = 0;
    while (value >>= 1)
        log++;
    return log;
}

static u64 commutes(u64 op) {
    return op == BC_ADD || op == BC_MUL || op == BC_AND || op == BC_OR || op == BC_XOR || op == BC_EQ || op == BC_NE;
}

// The right operand is constant, the left one is not.
static struct node *fold_constant(struct node *node) {
    i64 by = node->right->value;
    u64 keeps_at_zero = node->op == BC_ADD || node->op == BC_SUB || node->op == BC_OR || node->op == BC_XOR ||
                        node->op == BC_SHL || node->op == BC_SHR;
    if (node->op == BC_SUB && by) {
        node->op = BC_ADD;
        node->right = number_node((i64)-(u64)by);
    }
    u64 same = (by == 0 && keeps_at_zero) || (by == 1 && (node->op == BC_MUL || node->op == BC_DIV));
    if (same && node->left->kind != NODE_LOAD) // `x + 0` is no place
        return becomes(node, node->left);
    if (node->op == BC_ADD)
        return fold_sum(node);
    if (node->op == BC_MUL && is_power(by)) {
        node->op = BC_SHL;
        node->right = number_node(log_of(by));
    }
    return node;
}

static struct node *fold_binary(struct node *node) {
    if (is_number(node->right) && node->right->value == 0 && (node->op == BC_DIV || node->op == BC_MOD))
        error("division by zero");
    if (is_number(node->left) && is_number(node->right))
        return with_value(node, computed(node->op, node->left->value, node->right->value));
    if (is_number(node->left) && commutes(node->op)) {
        struct node *left = node->left;
        node->left = node->right;
        node->right = left;
    }
    return is_number(node->right) ? fold_constant(node) : node;
}

static struct node *fold_unary(struct node *node) {
    if (!is_number(node->left))
        return node;
    i64 value = node->left->value;
    switch (node->op) {
    case BC_NEG: return with_value(node, (i64)-(u64)value);
    case BC_INVERT: return with_value(node, ~value);
    case BC_NOT: return with_value(node, !value);
    default: return with_value(node, value & 255);
    }
}

// A constant left side decides, or leaves the truth of the right one.
static struct node *fold_short(struct node *node) {
    if (!is_number(node->left))
        return node;
    u64 decides = (node->left->value != 0) == (node->kind == NODE_OR);
    if (decides)
        return with_value(node, node->kind == NODE_OR);
    struct node *truth = new_node(NODE_BINARY, &type_int, node->right, number_node(0));
    truth->op = BC_NE;
    return fold(truth);
}

struct node *fold(struct node *node) {
    switch (node->kind) {
    case NODE_BINARY:
        return fold_binary(node);
    case NODE_UNARY:
        return fold_unary(node);
    case NODE_AND:
    case NODE_OR:
        return fold_short(node);
    case NODE_CHOICE:
        if (!is_number(node->left) || node->type->kind == TYPE_VOID)
            return node;
        return node->left->value ? node->right : node->third;
    default:
        return node;
    }
}
