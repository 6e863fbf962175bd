// What kernel and user programs share.  The compiler may call memset and memcpy on its own.
#pragma once
#include "types.h"

void *memset(void *to, int byte, u64 bytes);
void *memcpy(void *to, const void *from, u64 bytes);
u64 strlen(const char *text);
int strcmp(const char *a, const char *b);

// Writes `value` in base 10 or 16 with a final NUL; at most NUMBER_BYTES.  Returns where the NUL is.
#define NUMBER_BYTES 21
char *format_number(char *to, u64 value, u32 base);

// The decimal number that is all of `text`; -1 where it is none, or exceeds 2^63 - 1.
i64 parse_number(const char *text);

// Output as text; whoever links print.c has a print(): console.c of the kernel, output.c of the programs.
void print(const char *text);
void print_decimal(u64 value);
void print_hex(u64 value);
