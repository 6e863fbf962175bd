// Characters to tokens.
#include "cc.h"

struct source *source;

static const struct {
    char text[4];
    u8 kind;
} punctuators[] = { // of those that begin alike, the longest first
    {"(", T_LPAREN},    {")", T_RPAREN},      {"{", T_LBRACE},      {"}", T_RBRACE},      {"[", T_LBRACKET},
    {"]", T_RBRACKET},  {";", T_SEMICOLON},   {",", T_COMMA},       {":", T_COLON},       {"?", T_QUESTION},
    {"~", T_TILDE},     {"#", T_HASH},        {".", T_DOT},         {"->", T_ARROW},      {"!=", T_BANG_EQUAL},
    {"!", T_BANG},      {"==", T_EQUAL_EQUAL}, {"=", T_EQUAL},      {"++", T_PLUS_PLUS},  {"+=", T_PLUS_EQUAL},
    {"+", T_PLUS},      {"--", T_MINUS_MINUS}, {"-=", T_MINUS_EQUAL}, {"-", T_MINUS},     {"*=", T_STAR_EQUAL},
    {"*", T_STAR},      {"/=", T_SLASH_EQUAL}, {"/", T_SLASH},      {"%=", T_PERCENT_EQUAL}, {"%", T_PERCENT},
    {"&&", T_AND_AND},  {"&=", T_AND_EQUAL},  {"&", T_AMPERSAND},   {"||", T_OR_OR},      {"|=", T_OR_EQUAL},
    {"|", T_BAR},       {"^=", T_CARET_EQUAL}, {"^", T_CARET},      {"<<=", T_SHIFT_LEFT_EQUAL},
    {"<<", T_SHIFT_LEFT}, {"<=", T_LESS_EQUAL}, {"<", T_LESS},      {">>=", T_SHIFT_RIGHT_EQUAL},
    {">>", T_SHIFT_RIGHT}, {">=", T_GREATER_EQUAL}, {">", T_GREATER},
};

[[noreturn]] void error(const char *format, ...) {
    struct bytes line = {0};
    __builtin_va_list values;
    __builtin_va_start(values, format);
    put_format(&line, format, values);
    __builtin_va_end(values);
    put_byte(&line, 0);
    complain("%s:%d: %s", source->file, token.line, line.at);
    sys_exit(EXIT_FAILED);
}

[[noreturn]] static void error_here(const char *why) {
    token.line = source->line;
    error("%s", why);
}

static u64 is_letter(u8 c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static u64 is_digit(u8 c) {
    return c >= '0' && c <= '9';
}

static void skip_comment(void) {
    u64 line = source->line;
    for (source->at += 2; source->at[0] != '*' || source->at[1] != '/'; source->at++) {
        if (!*source->at) {
            source->line = line;
            error_here("a comment does not end");
        }
        source->line += *source->at == '\n';
    }
    source->at += 2;
}

// Blanks, comments and ends of lines.
static void skip_space(void) {
    for (;;) {
        u8 c = *source->at;
        if (c == '\n') {
            source->line++;
            source->fresh = 1;
            source->at++;
        } else if (c == ' ' || c == '\t' || c == '\r') {
            source->at++;
        } else if (c == '/' && source->at[1] == '/') {
            while (*source->at && *source->at != '\n')
                source->at++;
        } else if (c == '/' && source->at[1] == '*') {
            skip_comment();
        } else {
            return;
        }
    }
}

// Whether nothing but blanks and comments follows on this line.
u64 line_ends(void) {
    u64 line = source->line;
    const u8 *at = source->at;
    skip_space();
    u64 ends = source->line != line || !*source->at;
    if (ends)
        source->at = at, source->line = line, source->fresh = 0;
    return ends;
}

static u64 digit_of(u8 c) {
    if (is_digit(c))
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10UL : 99;
}

static void lex_number(struct token *to) {
    const u8 *p = source->at;
    u64 base = 10, value = 0, digits = 0, digit;
    if (*p == '0') {
        base = 8;
        if ((p[1] | 0x20) == 'x')
            base = 16, p += 2;
    }
    for (; (digit = digit_of(*p)) < base; p++, digits++) {
        if (value > (~0UL >> 1) / base)
            error_here("a number is too large");
        value = value * base + digit;
    }
    while ((*p | 0x20) == 'l')
        p++;
    if (!digits || is_letter(*p) || is_digit(*p) || (i64)value < 0)
        error_here(digits && (i64)value < 0 ? "a number is too large" : "a number is not well formed");
    to->kind = T_NUMBER;
    to->value = (i64)value;
    source->at = p;
}

static u64 escaped(void) {
    static const char codes[] = "n\nt\tr\r0\0\\\\'\'\"\"a\ab\bf\fv\v";
    u8 c = *source->at++;
    for (u64 i = 0; i + 1 < sizeof codes; i += 2)
        if ((u8)codes[i] == c)
            return (u8)codes[i + 1];
    error_here("an escape sequence is not known");
}

static u64 character(u8 quote) {
    u8 c = *source->at++;
    if (!c || c == '\n')
        error_here(quote == '"' ? "a string does not end" : "a character does not end");
    return c == '\\' ? escaped() : c;
}

static void lex_character(struct token *to) {
    source->at++;
    if (*source->at == '\'')
        error_here("a character is empty");
    to->kind = T_NUMBER;
    to->value = (i64)character('\'');
    if (*source->at++ != '\'')
        error_here("a character does not end");
}

static void lex_string(struct token *to) {
    to->kind = T_STRING;
    to->text = (struct bytes){0};
    source->at++;
    while (*source->at != '"')
        put_byte(&to->text, character('"'));
    source->at++;
}

static void lex_name(struct token *to) {
    const u8 *from = source->at, *p = from;
    while (is_letter(*p) || is_digit(*p))
        p++;
    source->at = p;
    to->name = intern(from, (u64)(p - from));
    to->kind = to->name->keyword ? to->name->keyword : T_NAME;
}

static void lex_punctuator(struct token *to) {
    for (u64 i = 0; i < sizeof punctuators / sizeof *punctuators; i++) {
        u64 n = 0;
        while (punctuators[i].text[n] && (u8)punctuators[i].text[n] == source->at[n])
            n++;
        if (!punctuators[i].text[n]) {
            source->at += n;
            to->kind = punctuators[i].kind;
            return;
        }
    }
    token.line = source->line;
    error("a character has no meaning here: code %d", (i64)*source->at);
}

void lex(struct token *to) {
    skip_space();
    u8 c = *source->at;
    *to = (struct token){.kind = T_END, .line = source->line, .first = source->fresh};
    source->fresh = 0;
    if (is_letter(c))
        lex_name(to);
    else if (is_digit(c))
        lex_number(to);
    else if (c == '"')
        lex_string(to);
    else if (c == '\'')
        lex_character(to);
    else if (c)
        lex_punctuator(to);
    else
        to->first = 1;
}
