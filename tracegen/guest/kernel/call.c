// System calls: number in v0, arguments in a0 to a2, result in v0, -1 where the kernel refuses.
#include "call.h"
#include "kernel.h"

i64 syscall(u64 number, const u64 *arguments) {
    if (number >= MAX_CALLS || !calls[number].run)
        return -1;
    struct guard *guard = calls[number].inside;
    if (guard)
        enter(guard);
    i64 result = calls[number].run(arguments[0], arguments[1], arguments[2]);
    if (guard)
        leave(guard);
    return result;
}
