// What a thread has in vector registers, as far as scalar floating point uses them.  float.S loads and stores it.
#pragma once
#include "types.h"

struct floats {
    u64 reg[16][2];
    u64 control; // MXCSR
};

#define FLOATS_BEGIN {.control = 0x1f80} // exceptions masked, rounding to nearest
