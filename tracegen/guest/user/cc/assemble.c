// A function's instructions to bytes of the object's code.
#include "cc.h"

#define MAX_RELOCATIONS 8192

struct object object;

static u64 operand_kind(u64 op) {
#define KIND(name, operand) OPERAND_##operand,
    static const u8 kinds[] = {BYTECODES(KIND)};
#undef KIND
    return kinds[op];
}

static u64 push_op(i64 value) {
    if (value == (signed char)value)
        return BC_PUSH_BYTE;
    return value == (i32)value ? BC_PUSH_WORD : BC_PUSH_LONG;
}

static u64 size_in_code(const struct instruction *at) {
    static const u8 bytes[] = {1, 2, 3, 5, 9, 1 + ENTER_BYTES};
    return at->op == CODE_LABEL ? 0 : bytes[operand_kind(at->op)];
}

void add_relocation(u64 section, u64 offset, struct symbol *symbol, i64 addend) {
    if (!object.relocations)
        object.relocations = take(MAX_RELOCATIONS * sizeof *object.relocations);
    if (object.relocation_count == MAX_RELOCATIONS)
        error("more than %d addresses to correct", (i64)MAX_RELOCATIONS);
    object.relocations[object.relocation_count++] = (struct relocation){
        (u32)section, (u32)offset, (u32)(symbol_number(symbol) - 1), (i32)addend};
}

static i64 pushes(const struct instruction *at) {
    switch (at->op) {
    case BC_PUSH_BYTE: case BC_PUSH_WORD: case BC_PUSH_LONG: case BC_ADDRESS: case BC_LOCAL: case BC_GET: case BC_DUP:
        return 1;
    case BC_LOAD: case BC_LOAD_CHAR: case BC_TEE: case BC_NEG: case BC_INVERT: case BC_NOT: case BC_ADD_BYTE:
    case BC_TO_CHAR: case BC_JUMP: case CODE_LABEL:
        return 0;
    case BC_PUT: case BC_PUT_CHAR:
        return -2;
    case BC_CALL:
        return 1 - (i64)at->symbol->type->count;
    default:
        return at->op >= BC_JUMP_EQ && at->op <= BC_JUMP_LE ? -2 : -1;
    }
}

// Words that the function has on the stack at most.  What a jump leaves there is there at its label.
static u64 deepest(void) {
    i64 *at_label = take((code.labels + 1) * sizeof *at_label), depth = 0, most = 0;
    for (u64 i = 0; i < code.count; i++) {
        const struct instruction *at = code.at + i;
        if (at->op == CODE_LABEL && at_label[at->value])
            depth = at_label[at->value] - 1;
        depth += pushes(at);
        most = depth > most ? depth : most;
        if (operand_kind(at->op == CODE_LABEL ? BC_ADD : at->op) == OPERAND_HALF && at->op >= BC_JUMP)
            at_label[at->value] = depth + 1;
    }
    return (u64)most + 1;
}

static i64 *lay_out(u64 start) {
    i64 *place = take((code.labels + 1) * sizeof *place);
    u64 offset = start;
    for (u64 i = 0; i < code.count; i++) {
        struct instruction *at = code.at + i;
        if (at->op == CODE_PUSH)
            at->op = push_op(at->value);
        if (at->op == CODE_LABEL)
            place[at->value] = (i64)offset;
        offset += size_in_code(at);
    }
    return place;
}

static void put_16(struct bytes *to, i64 value) {
    put_byte(to, (u64)value >> 8);
    put_byte(to, (u64)value);
}

static void put_operand(const struct instruction *at, const i64 *place) {
    struct bytes *to = &object.code;
    i64 distance;
    switch (operand_kind(at->op)) {
    case OPERAND_BYTE:
        put_byte(to, (u64)at->value);
        break;
    case OPERAND_HALF:
        distance = at->op < BC_JUMP ? at->value : place[at->value] - (i64)to->used - 2;
        if (distance > MAX_JUMP || distance < -MAX_JUMP)
            error("a function is larger than %d bytes of code", (i64)MAX_JUMP);
        put_16(to, distance);
        break;
    case OPERAND_WORD:
        if (at->symbol)
            add_relocation(SECTION_CODE, to->used, at->symbol, at->value);
        put_32(to, at->symbol ? 0 : (u64)at->value);
        break;
    case OPERAND_LONG:
        put_64(to, (u64)at->value);
        break;
    }
}

void assemble(struct symbol *function, u64 parameters, u64 frame) {
    function->value = (i64)object.code.used;
    symbol_number(function);
    put_byte(&object.code, BC_ENTER);
    put_byte(&object.code, parameters);
    const i64 *place = lay_out(object.code.used + ENTER_BYTES - 1);
    put_16(&object.code, (i64)frame);
    put_16(&object.code, (i64)deepest());
    for (u64 i = 0; i < code.count; i++) {
        if (code.at[i].op == CODE_LABEL)
            continue;
        put_byte(&object.code, code.at[i].op);
        put_operand(code.at + i, place);
    }
}
