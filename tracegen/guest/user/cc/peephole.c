// Improvements of a function's code that a window of two or three instructions shows, until there is none left.
#include "cc.h"

static i64 *place;      // label -> index of its instruction
static u64 *references; // label -> jumps to it

static u64 is_jump(u64 op) {
    return op >= BC_JUMP && op <= BC_JUMP_LE;
}

static u64 jumps_if(u64 op) {
    return op > BC_JUMP && op <= BC_JUMP_LE;
}

static u64 is_comparison(u64 op) {
    return op >= BC_EQ && op <= BC_LE;
}

static u64 only_pushes(u64 op) {
    return op == CODE_PUSH || op == BC_GET || op == BC_LOCAL || op == BC_ADDRESS || op == BC_DUP;
}

static u64 fits_byte(i64 value) {
    return value >= -128 && value <= 127;
}

static u64 opposite(u64 op) {
    if (op == BC_JUMP_ZERO || op == BC_JUMP_NOT_ZERO)
        return op ^ BC_JUMP_ZERO ^ BC_JUMP_NOT_ZERO;
    return negated(op);
}

static u64 becomes(struct instruction *at, u64 op, i64 operand) {
    at->op = op;
    at->value = operand;
    return 1;
}

static u64 remove(struct instruction *at) {
    return becomes(at, CODE_NOTHING, 0);
}

static u64 add_constants(struct instruction *a, struct instruction *b) {
    if (a->op == CODE_PUSH && b->op == BC_ADD && fits_byte(a->value))
        return becomes(a, BC_ADD_BYTE, a->value) && remove(b);
    if (a->op == CODE_PUSH && b->op == BC_SUB && fits_byte(-a->value))
        return becomes(a, BC_ADD_BYTE, -a->value) && remove(b);
    if (a->op == BC_ADD_BYTE && b->op == BC_ADD_BYTE && fits_byte(a->value + b->value))
        return becomes(a, BC_ADD_BYTE, a->value + b->value) && remove(b);
    return a->op == BC_ADD_BYTE && a->value == 0 && remove(a);
}

// What is pushed, copied or stored for nobody.
static u64 drop_values(struct instruction *a, struct instruction *b) {
    if (b->op == BC_GET && (a->op == BC_SET) && a->value == b->value)
        return becomes(a, BC_TEE, a->value) && remove(b);
    if (a->op == BC_LOCAL && b->op == BC_LOAD && !(a->value & 7))
        return becomes(a, BC_GET, a->value) && remove(b);
    if (b->op != BC_DROP)
        return 0;
    if (only_pushes(a->op))
        return remove(a) && remove(b);
    if (a->op == BC_TEE)
        return becomes(a, BC_SET, a->value) && remove(b);
    if (a->op == BC_STORE || a->op == BC_STORE_CHAR)
        return becomes(a, a->op == BC_STORE ? BC_PUT : BC_PUT_CHAR, 0) && remove(b);
    return (a->op == BC_ADD_BYTE || a->op == BC_TO_CHAR || a->op == BC_NOT || a->op == BC_NEG) && remove(a);
}

static u64 join_tests(struct instruction *a, struct instruction *b) {
    u64 on_zero = b->op == BC_JUMP_ZERO, on_truth = b->op == BC_JUMP_NOT_ZERO;
    if (is_comparison(a->op) && (on_zero || on_truth))
        return becomes(b, jump_if(on_truth ? a->op : negated(a->op)), b->value) && remove(a);
    if (is_comparison(a->op) && b->op == BC_NOT)
        return becomes(a, negated(a->op), 0) && remove(b);
    if (a->op == BC_NOT && (on_zero || on_truth))
        return becomes(b, opposite(b->op), b->value) && remove(a);
    if (a->op == CODE_PUSH && a->value == 0 && (b->op == BC_JUMP_EQ || b->op == BC_JUMP_NE))
        return becomes(b, b->op == BC_JUMP_EQ ? BC_JUMP_ZERO : BC_JUMP_NOT_ZERO, b->value) && remove(a);
    return 0;
}

static u64 narrow_characters(struct instruction *a, struct instruction *b) {
    u64 already = a->op == BC_LOAD_CHAR || a->op == BC_STORE_CHAR || a->op == BC_TO_CHAR;
    if (b->op == BC_TO_CHAR && already)
        return remove(b);
    return a->op == BC_TO_CHAR && (b->op == BC_PUT_CHAR || b->op == BC_STORE_CHAR) && remove(a);
}

static u64 jump_around(struct instruction *a, struct instruction *b, struct instruction *c) {
    if (is_jump(a->op) && b->op == CODE_LABEL && b->value == a->value && a->op == BC_JUMP)
        return remove(a);
    if (jumps_if(a->op) && b->op == BC_JUMP && c->op == CODE_LABEL && c->value == a->value)
        return becomes(a, opposite(a->op), b->value) && remove(b);
    return (a->op == BC_JUMP || a->op == BC_RETURN) && b->op != CODE_LABEL && remove(b);
}

static void survey(void) {
    memset(references, 0, (code.labels + 1) * sizeof *references);
    for (u64 i = 0; i < code.count; i++) {
        if (code.at[i].op == CODE_LABEL)
            place[code.at[i].value] = (i64)i;
        if (is_jump(code.at[i].op))
            references[code.at[i].value]++;
    }
}

// A jump to a jump goes where that one goes; a label next to another is the same.
static u64 thread_jumps(void) {
    u64 changed = 0;
    for (u64 i = 0; i < code.count; i++) {
        struct instruction *at = code.at + i;
        if (!is_jump(at->op))
            continue;
        const struct instruction *to = code.at + place[at->value] + 1;
        u64 onward = to->op == CODE_LABEL || to->op == BC_JUMP;
        if (onward && to->value != at->value && place[to->value] != place[at->value]) {
            u64 loops = to->op == BC_JUMP && code.at[place[to->value] + 1].op == BC_JUMP;
            if (!loops)
                changed = 1, at->value = to->value;
        }
    }
    return changed;
}

static u64 unused_labels(void) {
    u64 changed = 0;
    for (u64 i = 0; i < code.count; i++)
        if (code.at[i].op == CODE_LABEL && !references[code.at[i].value])
            changed = remove(code.at + i);
    return changed;
}

static void close_up(void) {
    u64 kept = 0;
    for (u64 i = 0; i < code.count; i++)
        if (code.at[i].op != CODE_NOTHING)
            code.at[kept++] = code.at[i];
    code.count = kept;
}

static u64 windows(void) {
    static struct instruction none = {.op = CODE_NOTHING};
    u64 changed = 0;
    for (u64 i = 0; i + 1 < code.count; i++) {
        struct instruction *a = code.at + i, *b = a + 1, *c = i + 2 < code.count ? a + 2 : &none;
        if (add_constants(a, b) || drop_values(a, b) || join_tests(a, b) || narrow_characters(a, b) ||
            jump_around(a, b, c))
            changed = 1;
    }
    return changed;
}

void improve(void) {
    place = take((code.labels + 1) * sizeof *place);
    references = take((code.labels + 1) * sizeof *references);
    u64 changed;
    do {
        survey();
        changed = thread_jumps();
        survey();
        changed |= unused_labels();
        close_up();
        changed |= windows();
        close_up();
    } while (changed);
}
