// The thin guest's one program and its space, all of whose pages are there before it needs them.
#pragma once
#include "space.h"

// program.c
u64 program_end(void);
[[noreturn]] void program_start(const char *line);

// memory.c
int memory_map(struct space *space, u64 va, u64 page, u64 rights);
int memory_fill(struct space *space, u64 from, u64 to);
