// Text, a character at a time.
#include "othello.h"

void put_text(const char *text) {
    while (*text)
        putchar(*text++);
}

void put_line(const char *text) {
    put_text(text);
    putchar('\n');
}

void put_padded(const char *text, int width) {
    int length = text_length(text);
    put_text(text);
    for (; length < width; length++)
        putchar(' ');
}

int text_length(const char *text) {
    int length = 0;
    while (text[length])
        length++;
    return length;
}

int text_equal(const char *a, const char *b) {
    for (; *a && *a == *b; a++)
        b++;
    return *a == *b;
}

void text_copy(char *to, const char *from) {
    do
        *to++ = *from;
    while (*from++);
}
