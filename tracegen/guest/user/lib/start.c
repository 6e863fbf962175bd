// Around a program's main(): its end, its arguments, its memory.
#include "user.h"

[[noreturn]] void stop(const char *why, u64 status) {
    char name[ARGUMENT_BYTES];
    if (sys_getarg(0, name, sizeof name) < ARGUMENT_BYTES)
        print(name);
    print(": ");
    print(why);
    print("\n");
    sys_exit(status);
}

u64 number_argument(u64 index) {
    char text[ARGUMENT_BYTES];
    i64 length = sys_getarg(index, text, sizeof text);
    i64 value = length < 0 || length >= ARGUMENT_BYTES ? -1 : parse_number(text);
    if (value < 0)
        stop("an argument is missing or not a number", STATUS_USAGE);
    return (u64)value;
}

void *allocate(u64 bytes) {
    i64 block = sys_sbrk(bytes);
    if (block == -1)
        stop("out of memory", STATUS_NO_MEMORY);
    return (void *)block;
}

void write_all(i64 descriptor, const void *from, u64 bytes) {
    i64 written = sys_write(descriptor, from, bytes);
    if (written < 0 || (u64)written < bytes)
        stop("no space left on the disk", STATUS_NO_SPACE);
}

void *map_memory(u64 bytes, u64 flags) {
    return (void *)sys_mmap(bytes, flags, 0);
}

void *map_file(i64 descriptor, u64 offset, u64 bytes, u64 flags) {
    return (void *)sys_mmap(bytes, flags, offset | (u64)(descriptor + 1));
}

i64 on_signal(u64 signal, void (*handler)(u64 signal, u64 address)) {
    return sys_sigaction(signal, (u64)handler, (u64)sys_sigreturn);
}

[[noreturn]] void start(void) {
    sys_exit((u64)main());
}
