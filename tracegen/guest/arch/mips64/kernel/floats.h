// What a thread has in coprocessor 1.  float.S loads and stores it.
#pragma once
#include "types.h"

struct floats {
    u64 reg[32];
    u64 control; // FCSR
};

#define FLOATS_BEGIN {0}
