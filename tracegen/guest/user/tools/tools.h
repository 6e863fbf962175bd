// What the programs of a build share: memory, rows of bytes, whole files, messages.
#pragma once
#include "user.h"

#define EXIT_FAILED 1 // what was asked for cannot be made of what is there; a message says why

// heap.c: memory that lasts until the program ends.
void *take(u64 bytes); // zeroed, 8-byte aligned

// A row of bytes that grows.  Numbers go in and out big-endian, whatever machine this is.
struct bytes {
    u8 *at;
    u64 used, room;
};

void put_byte(struct bytes *to, u64 byte);
void put_32(struct bytes *to, u64 value);
void put_64(struct bytes *to, u64 value);
void put_block(struct bytes *to, const void *from, u64 bytes);
void put_text(struct bytes *to, const char *text);
void put_zeroes(struct bytes *to, u64 bytes);
u64 get_16(const u8 *from);
u64 get_32(const u8 *from);
u64 get_64(const u8 *from);
void set_32(u8 *to, u64 value);
void set_64(u8 *to, u64 value);

// files.c: a whole file at once
int read_whole(const char *name, struct bytes *into);         // with a final NUL that is not counted; -1: there is none
void write_whole(const char *name, const struct bytes *from); // where it cannot be, the program ends and says so

// message.c
const char *program_name(void);
void put_format(struct bytes *to, const char *format, __builtin_va_list values); // %s %d %x %c
void complain(const char *format, ...);                // one line, to the console even where output goes elsewhere
[[noreturn]] void fail(const char *format, ...);       // the same after the program's name, and ends it
i64 argument(u64 index, char *to, u64 bytes);          // its length, or -1: there is none, or no room
