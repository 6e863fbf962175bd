// Statements: code comes out as they are read.
#include "cc.h"

struct choice_case {
    struct choice_case *next;
    i64 value, label;
};

// Where break and continue go, and what the innermost switch has collected.
static struct jumps {
    i64 leave, again; // labels; 0: nowhere
    struct choice_case *cases;
    i64 otherwise;
    u64 in_switch;
} jumps;

static struct type *returned;
static i64 frame_used, frame_most;

i64 local_space(struct type *type) {
    i64 offset = frame_used;
    frame_used += (i64)((size_of(type) + 7) & ~7UL);
    if (frame_used > MAX_FRAME)
        error("the variables of a function take more than %d bytes", (i64)MAX_FRAME);
    if (frame_used > frame_most)
        frame_most = frame_used;
    return offset;
}

u64 in_the_frame(i64 offset) {
    return offset >= 0 && offset < frame_used;
}

static void label(i64 number) {
    emit(CODE_LABEL, number);
}

static struct node *in_parentheses(void) {
    expect(T_LPAREN, "'('");
    struct node *node = expression();
    expect(T_RPAREN, "')'");
    return node;
}

static void block(void) {
    i64 used = frame_used;
    scope_open();
    while (!accept(T_RBRACE)) {
        if (token.kind == T_END)
            error("a block does not end");
        statement();
    }
    scope_close();
    frame_used = used;
}

static void if_statement(void) {
    i64 no = new_label();
    branch(value_of(in_parentheses()), 0, no);
    statement();
    if (accept(T_ELSE)) {
        i64 end = new_label();
        emit(BC_JUMP, end);
        label(no);
        statement();
        label(end);
    } else {
        label(no);
    }
}

// The body of a loop, whose test comes after it; `step` may be 0.  The label behind the loop, where break goes.
static i64 loop_body(i64 test, struct node *step) {
    struct jumps outer = jumps;
    i64 again = new_label();
    i64 leave = new_label();
    jumps = (struct jumps){.leave = leave, .again = again};
    statement();
    label(again);
    if (step)
        effect(step);
    label(test);
    jumps = outer;
    return leave;
}

static void while_statement(void) {
    i64 test = new_label(), body = new_label();
    struct node *condition_node = value_of(in_parentheses());
    emit(BC_JUMP, test);
    label(body);
    i64 leave = loop_body(test, 0);
    branch(condition_node, 1, body);
    label(leave);
}

static void do_statement(void) {
    i64 body = new_label();
    label(body);
    i64 leave = loop_body(new_label(), 0);
    expect(T_WHILE, "'while'");
    branch(value_of(in_parentheses()), 1, body);
    expect(T_SEMICOLON, "';'");
    label(leave);
}

static struct node *optional(u64 end, const char *what) {
    struct node *node = token.kind == end ? 0 : expression();
    expect(end, what);
    return node;
}

static void for_statement(void) {
    i64 test = new_label(), body = new_label(), used = frame_used;
    scope_open();
    expect(T_LPAREN, "'('");
    if (at_type()) {
        local_declaration();
    } else {
        struct node *first = optional(T_SEMICOLON, "';'");
        if (first)
            effect(first);
    }
    struct node *while_true = optional(T_SEMICOLON, "';'");
    struct node *step = optional(T_RPAREN, "')'");
    emit(BC_JUMP, test);
    label(body);
    i64 leave = loop_body(test, step);
    if (while_true)
        branch(value_of(while_true), 1, body);
    else
        emit(BC_JUMP, body);
    label(leave);
    scope_close();
    frame_used = used;
}

static void dispatch(i64 offset) {
    for (const struct choice_case *one = jumps.cases; one; one = one->next) {
        emit(BC_GET, offset);
        emit(CODE_PUSH, one->value);
        emit(BC_JUMP_EQ, one->label);
    }
    emit(BC_JUMP, jumps.otherwise ? jumps.otherwise : jumps.leave);
}

static void switch_statement(void) {
    struct jumps outer = jumps;
    i64 choose = new_label(), used = frame_used, offset = local_space(&type_int);
    value(convert(&type_int, in_parentheses(), "switch"));
    emit(BC_SET, offset);
    emit(BC_JUMP, choose);
    jumps = (struct jumps){.leave = new_label(), .again = outer.again, .in_switch = 1};
    statement();
    emit(BC_JUMP, jumps.leave);
    label(choose);
    dispatch(offset);
    label(jumps.leave);
    frame_used = used;
    jumps = outer;
}

static void case_label(void) {
    struct choice_case *one = take(sizeof *one);
    if (!jumps.in_switch)
        error("case outside of a switch");
    *one = (struct choice_case){.value = constant(), .label = new_label()};
    struct choice_case **link = &jumps.cases;
    for (; *link; link = &(*link)->next)
        if ((*link)->value == one->value)
            error("case %d is there already", one->value);
    *link = one;
    expect(T_COLON, "':'");
    label(one->label);
}

static void default_label(void) {
    if (!jumps.in_switch || jumps.otherwise)
        error(jumps.in_switch ? "default is there already" : "default outside of a switch");
    expect(T_COLON, "':'");
    label(jumps.otherwise = new_label());
}

static void jump_out(i64 to, const char *what) {
    if (!to)
        error("%s outside of a loop", what);
    expect(T_SEMICOLON, "';'");
    emit(BC_JUMP, to);
}

static void return_statement(void) {
    struct node *node = optional(T_SEMICOLON, "';'");
    if (returned->kind == TYPE_VOID) {
        if (node)
            error("a value is returned from a function without one");
        emit(CODE_PUSH, 0);
    } else {
        if (!node)
            error("a '%s' should be returned", type_text(returned));
        value(convert(returned, node, "return"));
    }
    emit(BC_RETURN, 0);
}

void statement(void) {
    u64 kind = token.kind;
    if (at_type()) {
        local_declaration();
        return;
    }
    if (kind < T_BREAK || kind > T_WHILE) {
        if (accept(T_LBRACE)) {
            block();
        } else if (!accept(T_SEMICOLON)) {
            effect(expression());
            expect(T_SEMICOLON, "';'");
        }
        return;
    }
    if (kind == T_SIZEOF || kind == T_ELSE)
        error(kind == T_ELSE ? "else without an if" : "expected a statement");
    next();
    switch (kind) {
    case T_IF: if_statement(); break;
    case T_WHILE: while_statement(); break;
    case T_DO: do_statement(); break;
    case T_FOR: for_statement(); break;
    case T_SWITCH: switch_statement(); break;
    case T_CASE: case_label(); break;
    case T_DEFAULT: default_label(); break;
    case T_BREAK: jump_out(jumps.leave, "break"); break;
    case T_CONTINUE: jump_out(jumps.again, "continue"); break;
    default: return_statement();
    }
}

// Parameters lie in the frame in their order, a word each; a character is its word's last byte.
static void declare_parameters(const struct type *type) {
    for (const struct member *one = type->members; one; one = one->next) {
        if (!one->name)
            error("a parameter has no name");
        struct symbol *symbol = declare(one->name, SYMBOL_LOCAL, one->type);
        symbol->value = local_space(one->type) + (one->type->kind == TYPE_CHAR ? 7 : 0);
    }
}

void function_body(struct symbol *function, struct type *type) {
    code.count = code.labels = 0;
    frame_used = frame_most = 0;
    returned = type->base;
    function->section = SECTION_CODE;
    scope_open();
    declare_parameters(type);
    next();
    block();
    scope_close();
    emit(CODE_PUSH, 0);
    emit(BC_RETURN, 0);
    improve();
    assemble(function, type->count, (u64)frame_most);
}
