// What is interpreted, and what comes out of it.
#pragma once
#include "workload.h"

extern const char program_source[]; // prints one number; ROUNDS says how long it takes

// answer.c: that number, found another way
u64 answer(u64 rounds);
