// System calls by number.
#pragma once
#include "lock.h"

#define MAX_CALLS 64

// What a call does, and the guard that it needs for all of its time.
struct call {
    i64 (*run)(u64, u64, u64);
    struct guard *inside;
};

extern const struct call calls[MAX_CALLS]; // syscall.c; or the thin guest's calls.c
