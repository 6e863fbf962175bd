// Objects and executables: code, data, how many zero bytes follow it, symbols, and places to correct.
#pragma once
#include "tools.h"

#define OBJECT_MAGIC 0x564f424a     // "VOBJ"
#define EXECUTABLE_MAGIC 0x56455845 // "VEXE"

enum section { SECTION_NONE, SECTION_CODE, SECTION_DATA, SECTION_ZERO, SECTIONS };

struct object_symbol {
    u32 name;    // where it starts in `names`
    u32 section; // SECTION_NONE: defined elsewhere
    u32 value;   // offset in the section
    u32 global;  // other objects see it
};

// A word of code (4 bytes) or of data (8) that takes the address of a symbol plus an addend.
struct relocation {
    u32 section, offset, symbol;
    i32 addend;
};

struct object {
    struct bytes code, data, names;
    u64 zero_bytes;
    struct object_symbol *symbols;
    struct relocation *relocations;
    u64 symbol_count, relocation_count, entry; // `entry` is an executable's first function
};

void object_write(const struct object *from, u64 magic, struct bytes *to);
const char *object_read(const struct bytes *from, u64 magic, struct object *to); // what is wrong with it, or 0
const char *symbol_name(const struct object *object, u64 index);
