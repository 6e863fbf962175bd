// Trees to bytecode.
#include "cc.h"

#define FIRST_ROOM 256

struct code code;

void emit_symbol(u64 op, i64 operand, struct symbol *symbol) {
    if (code.count == code.room) {
        u64 room = code.room ? 2 * code.room : FIRST_ROOM;
        struct instruction *at = take(room * sizeof *at);
        if (code.count)
            memcpy(at, code.at, code.count * sizeof *at);
        code.at = at;
        code.room = room;
    }
    code.at[code.count++] = (struct instruction){.op = op, .value = operand, .symbol = symbol};
}

void emit(u64 op, i64 operand) {
    emit_symbol(op, operand, 0);
}

i64 new_label(void) {
    return (i64)++code.labels;
}

// Comparisons and their jumps come in pairs of opposites.
u64 negated(u64 op) {
    u64 first = op >= BC_JUMP_EQ ? BC_JUMP_EQ : BC_EQ;
    return ((op - first) ^ 1) + first;
}

u64 jump_if(u64 op) {
    return op - BC_EQ + BC_JUMP_EQ;
}

static u64 is_comparison(const struct node *node) {
    return node->kind == NODE_BINARY && node->op >= BC_EQ && node->op <= BC_LE;
}

// Whether the frame's word itself can be used, without its address.
static u64 in_frame(const struct node *address, const struct type *type) {
    return address->kind == NODE_LOCAL && type->bytes == 8 && is_scalar(type) && !(address->value & 7);
}

static void load_from(const struct type *type) {
    emit(type->kind == TYPE_CHAR ? BC_LOAD_CHAR : BC_LOAD, 0);
}

static void store_to(const struct type *type) {
    emit(type->kind == TYPE_CHAR ? BC_STORE_CHAR : BC_STORE, 0);
}

// Both sides jump, inside; whoever falls through knows the answer.
static void branch_short(struct node *node, u64 sense, i64 label) {
    u64 ends = node->kind == NODE_OR; // the truth of the left side that decides
    if (sense == ends) {
        branch(node->left, sense, label);
        branch(node->right, sense, label);
        return;
    }
    i64 decided = new_label();
    branch(node->left, ends, decided);
    branch(node->right, sense, label);
    emit(CODE_LABEL, decided);
}

void branch(struct node *node, u64 sense, i64 label) {
    if (node->kind == NODE_NUMBER) {
        if ((node->value != 0) == sense)
            emit(BC_JUMP, label);
    } else if (node->kind == NODE_UNARY && node->op == BC_NOT) {
        branch(node->left, !sense, label);
    } else if (node->kind == NODE_AND || node->kind == NODE_OR) {
        branch_short(node, sense, label);
    } else if (is_comparison(node)) {
        value(node->left);
        value(node->right);
        emit(jump_if(sense ? node->op : negated(node->op)), label);
    } else {
        value(node);
        emit(sense ? BC_JUMP_NOT_ZERO : BC_JUMP_ZERO, label);
    }
}

static void truth(struct node *node) {
    i64 no = new_label(), end = new_label();
    branch(node, 0, no);
    emit(CODE_PUSH, 1);
    emit(BC_JUMP, end);
    emit(CODE_LABEL, no);
    emit(CODE_PUSH, 0);
    emit(CODE_LABEL, end);
}

static void choose(struct node *node) {
    i64 no = new_label(), end = new_label();
    branch(node->left, 0, no);
    value(node->right);
    emit(BC_JUMP, end);
    emit(CODE_LABEL, no);
    value(node->third);
    emit(CODE_LABEL, end);
}

static void store(struct node *node) {
    if (in_frame(node->left, node->type)) {
        value(node->right);
        emit(BC_TEE, node->left->value);
        return;
    }
    value(node->left);
    value(node->right);
    store_to(node->type);
}

// The word or character at an address changes by an operation; the new value stays.
static void change(struct node *node, u64 op) {
    u64 direct = in_frame(node->left, node->type);
    if (direct) {
        emit(BC_GET, node->left->value);
    } else {
        value(node->left);
        emit(BC_DUP, 0);
        load_from(node->type);
    }
    if (node->right)
        value(node->right);
    else
        emit(CODE_PUSH, node->value);
    emit(op, 0);
    if (direct)
        emit(BC_TEE, node->left->value);
    else
        store_to(node->type);
}

static void stepped(struct node *node) {
    change(node, BC_ADD);
    if (!node->op)
        return;
    emit(CODE_PUSH, -node->value); // the value before
    emit(BC_ADD, 0);
    if (node->type->kind == TYPE_CHAR)
        emit(BC_TO_CHAR, 0);
}

static void called(struct node *node) {
    for (struct node *argument = node->left; argument; argument = argument->next)
        value(argument);
    emit_symbol(BC_CALL, 0, node->symbol);
}

void value(struct node *node) {
    switch (node->kind) {
    case NODE_NUMBER:
        emit(CODE_PUSH, node->value);
        break;
    case NODE_LOCAL:
        emit(BC_LOCAL, node->value);
        break;
    case NODE_GLOBAL:
        emit_symbol(BC_ADDRESS, node->value, node->symbol);
        break;
    case NODE_LOAD:
        value(node->left);
        if (node->type->kind != TYPE_STRUCT)
            load_from(node->type);
        break;
    case NODE_STORE:
        store(node);
        break;
    case NODE_COPY:
        value(node->left);
        value(node->right);
        emit(BC_COPY, (i64)size_of(node->type));
        break;
    case NODE_COMPOUND:
        change(node, node->op);
        break;
    case NODE_STEP:
        stepped(node);
        break;
    case NODE_BINARY:
        value(node->left);
        value(node->right);
        emit(node->op, 0);
        break;
    case NODE_UNARY:
        value(node->left);
        emit(node->op, 0);
        break;
    case NODE_AND:
    case NODE_OR:
        truth(node);
        break;
    case NODE_CHOICE:
        choose(node);
        break;
    case NODE_COMMA:
        effect(node->left);
        value(node->right);
        break;
    default:
        called(node);
    }
}

void effect(struct node *node) {
    if (node->kind == NODE_COMMA) {
        effect(node->left);
        effect(node->right);
        return;
    }
    if (node->kind == NODE_STEP)
        node->op = 0; // nobody sees the value before
    value(node);
    emit(BC_DROP, 0);
}
