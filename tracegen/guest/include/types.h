// Sized types.  Both sides of every privilege crossing are 64-bit.
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef int i32;
typedef long i64;

static_assert(sizeof(u64) == 8 && sizeof(void *) == 8, "the guest is a 64-bit program");
