// The program: an ELF file in memory, from the first page behind the kernel on.  Its pages are mapped where they lie.
#include "program.h"
#include "announce.h"
#include "elf.h"
#include "proc.h"

extern char end[]; // kernel.ld

struct space spaces[MAX_SPACES];

static const struct elf_header *header(void) {
    return (const struct elf_header *)end;
}

// Part `i` of the program that is loaded, or 0.
static const struct elf_program *part(u64 i) {
    const struct elf_program *p = (const struct elf_program *)(end + header()->program_offset) + i;
    return p->type == ELF_LOAD ? p : 0;
}

// Physical address behind the program's last page.
u64 program_end(void) {
    u64 bytes = 0;
    for (u64 i = 0; i < header()->program_count; i++)
        if (part(i) && part(i)->offset + part(i)->file_bytes > bytes)
            bytes = part(i)->offset + part(i)->file_bytes;
    return PHYSICAL(PAGE_UP(end + bytes));
}

// 0, or -1 when memory is out.
static int map_part(struct space *space, const struct elf_program *p) {
    u64 rights = p->flags & ELF_WRITABLE ? MAP_READ | MAP_WRITE : MAP_READ | MAP_EXECUTE;
    u64 from = PHYSICAL(end + p->offset), stop = PAGE_UP(p->va + p->file_bytes);
    if (rights & MAP_WRITE)
        memset((u8 *)KERNEL(from) + p->file_bytes, 0, stop - p->va - p->file_bytes);
    for (u64 va = p->va; va < stop; va += PAGE_BYTES)
        if (memory_map(space, va, from + (va - p->va), rights))
            return -1;
    space->heap_end = PAGE_UP(p->va + p->memory_bytes);
    return memory_fill(space, stop, space->heap_end);
}

// The only space, with the program and its stack.  0, or -1 when memory is out.
static int load(struct space *space) {
    space->id = space->threads = 1;
    space->own.order = memlock.order;
    ANNOUNCE1(ANNOUNCE_SPACE_CREATE, space->id);
    if (tables_create(space, 0))
        return -1;
    for (u64 i = 0; i < header()->program_count; i++)
        if (part(i) && map_part(space, part(i)))
            return -1;
    return memory_fill(space, STACK_LOW, USER_TOP);
}

// What the first thread does in the kernel before it is in user mode (switch.S).
void proc_first(void) {
    frame_start(frame_of(current), header()->entry, USER_TOP);
    float_begin(current);
}

// Makes the first thread, and lets all CPUs look for work.
[[noreturn]] void program_start(const char *line) {
    struct proc *p = proc_create();
    if (*(const u32 *)header()->ident != ELF_MAGIC || header()->machine != ELF_MACHINE)
        panic("no program behind the kernel", 0);
    if (!p || load(spaces))
        panic("no memory for the program", 0);
    const char *why = arguments_begin(&p->arguments, line);
    if (why)
        panic(why, 0);
    context_begin(&p->context, thread_first);
    proc_own(p, spaces);
    proc_announce_name(p);
    sched_begin(p);
    cpu_start_others();
    idle();
}

// Ends the program, or the current thread of one that ends.
[[noreturn]] void proc_exit(u64 status) {
    threads_end(status);
    power_off(current->status);
}
