// Memory from the kernel in large blocks, handed out in order and never taken back: programs here are short.
#include "tools.h"

#define BLOCK_BYTES (64UL << 10)

static u8 *next;
static u64 left;

void *take(u64 bytes) {
    bytes = (bytes + 7) & ~7UL;
    if (bytes > left) {
        u64 block = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
        u8 *fresh = allocate(block);
        if (fresh != next + left) // somebody else grew the heap in between: the rest of the old block is lost
            next = fresh, left = 0;
        left += block;
    }
    u8 *taken = next;
    next += bytes;
    left -= bytes;
    return taken;
}
