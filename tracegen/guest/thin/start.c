// Boot of the thin guest: a kernel without files and processes, with one program that the machine loads behind it.  The
// stack that boots becomes the idle thread's.
#include "percpu.h"
#include "program.h"

// Called once by entry.S.  `argument` is the physical address of the boot argument string, in RAM's last page.
[[noreturn]] void start(u64 argument, u64 memory_bytes) {
    arch_init(memory_bytes);
    page_init(program_end(), memory_bytes - PAGE_BYTES);
    timer_init();
    program_start(options_find(KERNEL(argument)));
}
