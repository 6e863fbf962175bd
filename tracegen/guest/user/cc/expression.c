// Expressions, by precedence climbing.
#include "cc.h"

static const struct {
    u8 token, level, op; // the higher the level, the tighter
} operators[] = {
    {T_OR_OR, 1, 0},       {T_AND_AND, 2, 0},        {T_BAR, 3, BC_OR},          {T_CARET, 4, BC_XOR},
    {T_AMPERSAND, 5, BC_AND}, {T_EQUAL_EQUAL, 6, BC_EQ}, {T_BANG_EQUAL, 6, BC_NE}, {T_LESS, 7, BC_LT},
    {T_GREATER, 7, BC_GT}, {T_LESS_EQUAL, 7, BC_LE}, {T_GREATER_EQUAL, 7, BC_GE}, {T_SHIFT_LEFT, 8, BC_SHL},
    {T_SHIFT_RIGHT, 8, BC_SHR}, {T_PLUS, 9, BC_ADD}, {T_MINUS, 9, BC_SUB},       {T_STAR, 10, BC_MUL},
    {T_SLASH, 10, BC_DIV}, {T_PERCENT, 10, BC_MOD},
};

static const struct {
    u8 token, op;
} assignments[] = {
    {T_PLUS_EQUAL, BC_ADD},       {T_MINUS_EQUAL, BC_SUB},       {T_STAR_EQUAL, BC_MUL}, {T_SLASH_EQUAL, BC_DIV},
    {T_PERCENT_EQUAL, BC_MOD},    {T_AND_EQUAL, BC_AND},         {T_OR_EQUAL, BC_OR},    {T_CARET_EQUAL, BC_XOR},
    {T_SHIFT_LEFT_EQUAL, BC_SHL}, {T_SHIFT_RIGHT_EQUAL, BC_SHR},
};

static struct node *unary_expression(void);

// Strings side by side are one.
static struct node *string(void) {
    struct bytes text = {0};
    for (; token.kind == T_STRING; next())
        put_block(&text, token.text.at, token.text.used);
    put_byte(&text, 0);
    return symbol_node(string_symbol(&text));
}

static struct node *primary(void) {
    if (token.kind == T_NUMBER) {
        struct node *node = number_node(token.value);
        next();
        return node;
    }
    if (token.kind == T_STRING)
        return string();
    if (token.kind != T_NAME)
        error("expected an expression");
    struct symbol *symbol = token.name->symbol;
    if (!symbol)
        error("'%s' is not declared", token.name->text);
    next();
    return symbol_node(symbol);
}

static struct node *arguments(void) {
    struct node *first = 0, **link = &first;
    if (accept(T_RPAREN))
        return 0;
    do {
        *link = assignment();
        link = &(*link)->next;
    } while (accept(T_COMMA));
    expect(T_RPAREN, "')'");
    return first;
}

static struct name *member_name(void) {
    struct name *name = token.name;
    expect(T_NAME, "the name of a member");
    return name;
}

static struct node *postfix(struct node *node) {
    for (;;) {
        if (accept(T_LBRACKET)) {
            node = index_node(node, expression());
            expect(T_RBRACKET, "']'");
        } else if (accept(T_LPAREN)) {
            node = call(node, arguments());
        } else if (token.kind == T_DOT || token.kind == T_ARROW) {
            u64 through = token.kind == T_ARROW;
            next();
            node = member_node(node, member_name(), through);
        } else if (token.kind == T_PLUS_PLUS || token.kind == T_MINUS_MINUS) {
            node = step(node, token.kind == T_PLUS_PLUS ? 1 : -1, 1);
            next();
        } else {
            return node;
        }
    }
}

static struct node *size(void) {
    next();
    if (token.kind != T_LPAREN)
        return number_node((i64)size_of(unary_expression()->type));
    next();
    if (!at_type()) {
        struct node *inner = expression();
        expect(T_RPAREN, "')'");
        return number_node((i64)size_of(postfix(inner)->type));
    }
    struct type *type = abstract_type();
    expect(T_RPAREN, "')'");
    return number_node((i64)size_of(type));
}

static struct node *pointed_to(void) {
    struct node *pointer = value_of(unary_expression());
    if (pointer->type->kind != TYPE_POINTER)
        error("'*' takes a pointer, not '%s'", type_text(pointer->type));
    return load(pointer, pointer->type->base);
}

static struct node *parenthesis(void) {
    next();
    if (at_type()) {
        struct type *type = abstract_type();
        expect(T_RPAREN, "')'");
        return cast(type, unary_expression());
    }
    struct node *inner = expression();
    expect(T_RPAREN, "')'");
    return postfix(inner);
}

static struct node *unary_expression(void) {
    u64 kind = token.kind;
    switch (kind) {
    case T_LPAREN:
        return parenthesis();
    case T_SIZEOF:
        return size();
    case T_PLUS_PLUS:
    case T_MINUS_MINUS:
        next();
        return step(unary_expression(), kind == T_PLUS_PLUS ? 1 : -1, 0);
    case T_STAR:
        next();
        return pointed_to();
    case T_AMPERSAND:
        next();
        return address_of(unary_expression());
    case T_PLUS:
        next();
        return binary(BC_ADD, unary_expression(), number_node(0));
    case T_MINUS:
        next();
        return unary(BC_NEG, unary_expression());
    case T_TILDE:
        next();
        return unary(BC_INVERT, unary_expression());
    case T_BANG:
        next();
        return unary(BC_NOT, unary_expression());
    default:
        return postfix(primary());
    }
}

static struct node *joined(u64 kind, u64 op, struct node *left, struct node *right) {
    if (kind != T_AND_AND && kind != T_OR_OR)
        return binary(op, left, right);
    u64 of = kind == T_AND_AND ? NODE_AND : NODE_OR;
    return fold(new_node(of, &type_int, value_of(left), value_of(right)));
}

static struct node *climb(u64 level) {
    struct node *left = unary_expression();
    for (u64 i = 0; i < sizeof operators / sizeof *operators;) {
        if (operators[i].token != token.kind || operators[i].level < level) {
            i++;
            continue;
        }
        next();
        struct node *right = climb(operators[i].level + 1UL);
        left = joined(operators[i].token, operators[i].op, left, right);
        i = 0;
    }
    return left;
}

static struct node *conditional(void) {
    struct node *test = climb(1);
    if (!accept(T_QUESTION))
        return test;
    struct node *yes = expression();
    expect(T_COLON, "':'");
    return choice(test, yes, conditional());
}

struct node *assignment(void) {
    struct node *left = conditional();
    if (accept(T_EQUAL))
        return assign(left, assignment());
    for (u64 i = 0; i < sizeof assignments / sizeof *assignments; i++)
        if (accept(assignments[i].token))
            return compound(assignments[i].op, left, assignment());
    return left;
}

struct node *expression(void) {
    struct node *node = assignment();
    while (accept(T_COMMA)) {
        struct node *right = assignment();
        node = new_node(NODE_COMMA, right->type, node, right);
    }
    return node;
}

i64 constant(void) {
    struct node *node = conditional();
    if (node->kind != NODE_NUMBER)
        error("expected a constant");
    return node->value;
}
