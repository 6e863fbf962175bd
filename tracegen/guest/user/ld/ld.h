// ld: joins objects.  What its files share.
#pragma once
#include "bytecode.h"
#include "object.h"

#define MAX_SYMBOLS 16384
#define MAX_RELOCATIONS 65536

extern struct object joined;       // everything read so far

void join(const char *file);       // appends an object, its symbols bound to those there are by name
u64 require(const char *name);     // the number of a global symbol that must be defined
void bind_builtins(void);          // what is still undefined, and known to the interpreter
void refuse_undefined(void);
void relocate(void);               // puts the addresses in
