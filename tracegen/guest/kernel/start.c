// Boot, in the order in which things become possible.  A recording starts inside service BOOT; it ends at the first
// return to user mode.  The stack that boots becomes the idle thread's.
#include "percpu.h"

extern char end[]; // kernel.ld

// What follows `word` and a space at the beginning of `line`; 0 if it does not begin so.
static const char *behind(const char *line, const char *word) {
    while (*word && *line == *word)
        line++, word++;
    return *word || *line != ' ' ? 0 : line + 1;
}

// Called once by entry.S.  `argument` is the physical address of the boot argument string, in RAM's last page.
[[noreturn]] void start(u64 argument, u64 memory_bytes) {
    arch_init(memory_bytes);
    u64 top = memory_bytes - PAGE_BYTES;
    page_init(buffer_init(PHYSICAL(end), top), top);
    timer_init();
    const char *line = KERNEL(argument), *rest = behind(line, "locks=fine"); // an option of the kernel's own
    lock_init(rest != 0);
    proc_start(rest ? rest : line);
}
