// The console: a register that prints each byte.
#include "arch.h"
#include "kernel.h"
#include "param.h"

void print_byte(u8 byte) {
    console_put(byte);
}

void print(const char *text) {
    while (*text)
        print_byte((u8)*text++);
}

// Prints what a process has there.
i64 console_write(u64 from, u64 bytes) {
    char chunk[WRITE_CHUNK];
    for (u64 done = 0; done < bytes;) {
        u64 n = bytes - done < WRITE_CHUNK ? bytes - done : WRITE_CHUNK;
        if (copy_in(chunk, from + done, n))
            return -1;
        for (u64 i = 0; i < n; i++)
            print_byte((u8)chunk[i]);
        done += n;
    }
    return (i64)bytes;
}
