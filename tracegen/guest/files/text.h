// Text on the standard output, and pseudo-random numbers.
#ifndef TEXT_H
#define TEXT_H

#define TEXT_WIDTH 20     // of the first column of a table
#define HEX_DIGITS 16
#define RANDOM_SEED 88172645463325252L

int putchar(int character);

void put_text(const char *text);
void put_line(const char *text);
void put_number(long number);
void put_padded(const char *text, int width);
void put_field(const char *name, long number); // "name:    number" on a line of its own
void put_hex(long bits);                       // all sixteen digits
int text_length(const char *text);
int text_equal(const char *a, const char *b);
void text_copy(char *to, const char *from);

void random_seed(long seed);
long random_bits(void);
int random_below(int limit);
#endif
