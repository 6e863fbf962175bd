// Boot, in the order in which things become possible.  A recording starts inside service BOOT; it ends at the first
// return to user mode.  The stack that boots becomes the idle thread's.
#include "percpu.h"

extern char end[]; // kernel.ld

// Called once by entry.S.  `argument` is the physical address of the boot argument string, in RAM's last page.
[[noreturn]] void start(u64 argument, u64 memory_bytes) {
    arch_init(memory_bytes);
    u64 top = memory_bytes - PAGE_BYTES;
    page_init(buffer_init(PHYSICAL(end), top), top);
    timer_init();
    proc_start(options_find(KERNEL(argument)));
}
