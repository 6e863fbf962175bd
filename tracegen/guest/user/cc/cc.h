// cc: a compiler of a subset of C to bytecode objects.  What its files share, in the order a source passes them.
#pragma once
#include "bytecode.h"
#include "object.h"

// -- names.c: every spelling once, with all that it means at the moment ----------------------------------------------

struct name {
    struct name *next;    // of the same hash
    const char *text;
    u64 length;
    u64 hash;
    u64 keyword;          // its token kind, or 0
    struct macro *macro;
    struct symbol *symbol;
    struct tag *tag;      // struct or enum
};

struct name *intern(const u8 *text, u64 length);
struct name *intern_text(const char *text);

// -- lex.c, preprocess.c: the source as tokens -----------------------------------------------------------------------

enum token_kind {
    T_END, T_NAME, T_NUMBER, T_STRING,
    T_BREAK, T_CASE, T_CHAR, T_CONST, T_CONTINUE, T_DEFAULT, T_DO, T_ELSE, T_ENUM, T_EXTERN, T_FOR, T_IF, T_INT,
    T_LONG, T_RETURN, T_SIZEOF, T_STATIC, T_STRUCT, T_SWITCH, T_VOID, T_WHILE,
    T_LPAREN, T_RPAREN, T_LBRACE, T_RBRACE, T_LBRACKET, T_RBRACKET, T_SEMICOLON, T_COMMA, T_COLON, T_QUESTION,
    T_TILDE, T_HASH, T_DOT, T_ARROW, T_BANG, T_BANG_EQUAL, T_EQUAL, T_EQUAL_EQUAL,
    T_PLUS, T_PLUS_PLUS, T_PLUS_EQUAL, T_MINUS, T_MINUS_MINUS, T_MINUS_EQUAL,
    T_STAR, T_STAR_EQUAL, T_SLASH, T_SLASH_EQUAL, T_PERCENT, T_PERCENT_EQUAL,
    T_AMPERSAND, T_AND_AND, T_AND_EQUAL, T_BAR, T_OR_OR, T_OR_EQUAL, T_CARET, T_CARET_EQUAL,
    T_LESS, T_LESS_EQUAL, T_SHIFT_LEFT, T_SHIFT_LEFT_EQUAL,
    T_GREATER, T_GREATER_EQUAL, T_SHIFT_RIGHT, T_SHIFT_RIGHT_EQUAL,
};

struct token {
    u64 kind, line;
    u64 first;         // of its line
    i64 value;         // number, or character
    struct name *name; // of T_NAME and keywords
    struct bytes text; // of T_STRING, without a final NUL
};

struct source {
    const char *file;
    const u8 *at;      // what follows, up to a NUL
    u64 line, fresh;   // nothing but blanks so far on this line
    u64 conditions;    // #ifndef's still open
    struct source *below;
};

struct macro {
    struct token *body;
    u64 count, active; // active: being expanded, so that its own name stays as it is
};

extern struct source *source;
void lex(struct token *to);                 // the next token of `source`; T_END at its end
u64 line_ends(void);                        // nothing more on the line at hand
void source_open(const char *file, u64 including);
void preprocess_start(void);
extern struct token token;                  // the parser's, after preprocessing
void next(void);                            // moves on
struct token *ahead(void);                  // the one after `token`
u64 accept(u64 kind);                       // moves on if `token` is of this kind
void expect(u64 kind, const char *what);
[[noreturn]] void error(const char *format, ...); // "file:line: ..." of `token`, and ends the program

// -- types.c ---------------------------------------------------------------------------------------------------------

enum type_kind { TYPE_VOID, TYPE_CHAR, TYPE_INT, TYPE_POINTER, TYPE_ARRAY, TYPE_STRUCT, TYPE_FUNCTION };

struct member {
    struct member *next;
    struct name *name;
    struct type *type;
    u64 offset;
};

struct type {
    u64 kind, bytes, align;
    struct type *base;         // pointed to, of each element, returned
    struct type *pointer;      // to this, once there is one
    u64 length;                // elements; 0 while unknown
    struct member *members;    // of a struct; parameters of a function, in order
    u64 count;                 // of them
    struct name *name;         // of a struct
};

struct tag {
    struct type *type; // 0: an enum
    struct tag *hidden;
    u64 depth;
};

extern struct type type_void, type_char, type_int;
struct type *pointer_to(struct type *base);
struct type *array_of(struct type *base, u64 length);
struct type *new_type(u64 kind);
u64 same_type(const struct type *a, const struct type *b);
u64 is_integer(const struct type *type);
u64 is_scalar(const struct type *type);
u64 size_of(const struct type *type);       // an error where it is not known
const char *type_text(const struct type *type);
struct member *find_member(const struct type *type, const struct name *name);

// -- symbols.c: what names stand for, by scope -----------------------------------------------------------------------

enum symbol_kind { SYMBOL_CONSTANT, SYMBOL_LOCAL, SYMBOL_GLOBAL };

struct symbol {
    struct name *name;
    struct type *type;
    struct symbol *hidden;     // what the name meant outside this scope
    struct symbol *in_scope;   // the one declared before, in the same scope or one around it
    u64 kind, depth, is_static;
    u64 tentative;             // declared without a value, at the outermost level
    u64 section;               // of a global, once defined
    i64 value;                 // constant, frame offset, or offset in the section
    u64 number;                // in the object's table, from 1; 0: not there
};

extern u64 scope_depth;
void scope_open(void);
void scope_close(void);
struct symbol *declare(struct name *name, u64 kind, struct type *type);
struct symbol *declare_global(struct name *name, struct type *type, u64 is_static);
struct type *declare_struct(struct name *name, u64 here); // of this tag, perhaps from a scope around
void declare_enum(struct name *name);
u64 symbol_number(struct symbol *symbol);                 // puts it into the object's table
void define_zero(struct symbol *symbol);
void define_tentative(void);
void fill_table(void);

// -- nodes.c, check.c, fold.c: expressions as trees ------------------------------------------------------------------

enum node_kind {
    NODE_NUMBER, NODE_LOCAL, NODE_GLOBAL,   // value; address in the frame; address of a symbol plus value
    NODE_LOAD,                              // what lies at the address `left`: the one kind that can be stored to
    NODE_STORE, NODE_COPY, NODE_COMPOUND, NODE_STEP, // ... `right` to the address `left`; STEP: ++ and --
    NODE_BINARY, NODE_UNARY,                // `op` is a bytecode
    NODE_AND, NODE_OR, NODE_CHOICE, NODE_COMMA, NODE_CALL,
};

struct node {
    u64 kind, op;
    struct type *type;
    struct node *left, *right, *third;
    struct node *next;         // argument
    struct symbol *symbol;
    i64 value;
};

struct node *new_node(u64 kind, struct type *type, struct node *left, struct node *right);
struct node *number_node(i64 value);
struct node *symbol_node(struct symbol *symbol);
struct node *load(struct node *address, struct type *type);
struct node *address_of(struct node *node);
struct node *value_of(struct node *node);   // a scalar: arrays become addresses, and structs are errors
struct node *binary(u64 op, struct node *left, struct node *right);
struct node *unary(u64 op, struct node *operand);
struct node *assign(struct node *to, struct node *value);
struct node *compound(u64 op, struct node *to, struct node *value);
struct node *step(struct node *to, i64 by, u64 after);
struct node *index_node(struct node *array, struct node *index);
struct node *member_node(struct node *from, struct name *name, u64 through);
struct node *choice(struct node *test, struct node *yes, struct node *no);
struct node *cast(struct type *type, struct node *node);
struct node *call(struct node *function, struct node *arguments);
struct node *convert(struct type *to, struct node *value, const char *where); // as if by assignment, or an error
struct node *fold(struct node *node);

// -- expression.c, declaration.c, initialiser.c, statement.c: the parser ---------------------------------------------

struct node *expression(void);
struct node *assignment(void);
i64 constant(void);
u64 at_type(void);
struct type *base_type(void);
struct type *declarator(struct type *base, struct name **name);
struct type *abstract_type(void);
struct symbol *string_symbol(const struct bytes *text);
void unit(void);
void local_declaration(void);
void statement(void);
void function_body(struct symbol *function, struct type *type);
i64 local_space(struct type *type);         // where in the frame
u64 in_the_frame(i64 offset);               // of what is there at this point

// One scalar of an initialised object.
struct entry {
    struct entry *next;
    u64 offset;
    struct type *type;
    struct node *value;
};

struct entry *initialiser(struct type **type); // completes an array's length
void emit_data(struct symbol *symbol, struct entry *entries);

// -- generate.c, peephole.c, assemble.c: bytecode --------------------------------------------------------------------

struct instruction {
    u64 op;                    // a bytecode, or one of these
    i64 value;                 // operand; label
    struct symbol *symbol;
};

enum { CODE_PUSH = BYTECODE_COUNT, CODE_LABEL, CODE_NOTHING };

struct code {
    struct instruction *at;
    u64 count, room, labels;
};

extern struct code code;                    // of the function at hand
void emit(u64 op, i64 value);
void emit_symbol(u64 op, i64 value, struct symbol *symbol);
i64 new_label(void);
void value(struct node *node);              // code that pushes it
void effect(struct node *node);             // code that only does it
void branch(struct node *node, u64 sense, i64 label); // code that goes to the label if the node's truth is `sense`
u64 negated(u64 op);                        // the comparison that holds where `op` does not
u64 jump_if(u64 op);                        // the jump that a comparison makes
void improve(void);
void assemble(struct symbol *function, u64 parameters, u64 frame);
extern struct object object;
void add_relocation(u64 section, u64 offset, struct symbol *symbol, i64 addend);
