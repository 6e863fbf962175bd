// cc SOURCE OBJECT: compiles one file.
#include "cc.h"

static const struct {
    const char *text;
    u64 kind;
} keywords[] = {
    {"break", T_BREAK},   {"case", T_CASE},     {"char", T_CHAR},     {"const", T_CONST},   {"continue", T_CONTINUE},
    {"default", T_DEFAULT}, {"do", T_DO},       {"else", T_ELSE},     {"enum", T_ENUM},     {"extern", T_EXTERN},
    {"for", T_FOR},       {"if", T_IF},         {"int", T_INT},       {"long", T_LONG},     {"return", T_RETURN},
    {"sizeof", T_SIZEOF}, {"static", T_STATIC}, {"struct", T_STRUCT}, {"switch", T_SWITCH}, {"void", T_VOID},
    {"while", T_WHILE},
};

int main(void) {
    static char from[ARGUMENT_BYTES], to[ARGUMENT_BYTES];
    struct bytes file = {0};
    if (argument(1, from, sizeof from) < 0 || argument(2, to, sizeof to) < 0)
        stop("usage: cc SOURCE OBJECT", STATUS_USAGE);
    for (u64 i = 0; i < sizeof keywords / sizeof *keywords; i++)
        intern_text(keywords[i].text)->keyword = keywords[i].kind;
    preprocess_start();
    source_open(from, 0);
    next();
    unit();
    fill_table();
    object_write(&object, OBJECT_MAGIC, &file);
    write_whole(to, &file);
    return EXIT_OK;
}
