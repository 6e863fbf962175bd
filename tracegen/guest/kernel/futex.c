// Waiting for a word of user memory to change: what the user's locks are made of.
#include "proc.h"
#include "space.h"

// What those sleep for who wait for the word at `va`: no address of the kernel.
static const void *channel(u64 va) {
    return (const void *)(current->space->id << 32 | va);
}

// Sleeps if the word at `va` is still `expected`.  0 when woken, -1 where there is nothing to wait for.
i64 futex_wait(u64 va, u32 expected) {
    u32 value;
    if (va % sizeof value || !in_user(va, sizeof value) || user_copy(&value, (const void *)va, sizeof value))
        return -1;
    return value == expected ? sleep_on(channel(va), 0) : -1;
}

// Wakes at most `most` of those who wait for the word at `va`.  How many there were.
i64 futex_wake(u64 va, u64 most) {
    return (i64)wake_some(channel(va), most);
}
