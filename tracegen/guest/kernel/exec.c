// Loading a program: an ELF file becomes entries of the page table.
//
// Pages start out present but neither referenced nor dirty: the first touch and the first store of each are soft
// faults.  Read-only pages map the file where it lies in RAM; writable ones are copied first.
#include "kernel.h"

struct elf_header {
    u8 ident[16];
    u16 type, machine;
    u32 version;
    u64 entry, program_offset, section_offset;
    u32 flags;
    u16 header_bytes, program_bytes, program_count;
};

struct elf_program {
    u32 type, flags;
    u64 offset, va, pa, file_bytes, memory_bytes, align;
};

#define ELF_LOAD 1
#define ELF_WRITABLE 2

// The page of a writable segment that begins at `from`, of which `bytes` come from the file and the rest is zero.
static u64 copy_of(const u8 *from, u64 bytes) {
    if (bytes > PAGE_BYTES)
        bytes = PAGE_BYTES;
    u64 page = page_alloc();
    if (page) {
        memcpy(KERNEL(page), from, bytes);
        memset((u8 *)KERNEL(page) + bytes, 0, PAGE_BYTES - bytes);
    }
    return page;
}

static int load_segment(const u8 *image, const struct elf_program *p) {
    int writable = (p->flags & ELF_WRITABLE) != 0;
    for (u64 done = 0; done < p->file_bytes; done += PAGE_BYTES) {
        const u8 *from = image + p->offset + done;
        u64 page = writable ? copy_of(from, p->file_bytes - done) : PHYSICAL(from);
        u64 flags = PTE_PRESENT | (writable ? PTE_WRITABLE : 0);
        if (!page || vm_map(p->va + done, page >> PAGE_SHIFT, flags))
            return -1;
    }
    return 0;
}

// Maps the page-aligned ELF file `image`.  Returns its entry point, or 0 when it is damaged or memory is out;
// *data_end is where the pages that come from the file end, *program_end where its bss does.
u64 exec_load(const u8 *image, u64 bytes, u64 *data_end, u64 *program_end) {
    const struct elf_header *header = (const struct elf_header *)image;
    if (bytes < sizeof *header || *(const u32 *)header->ident != 0x7f454c46)
        return 0;
    const struct elf_program *p = (const struct elf_program *)(image + header->program_offset);
    for (u32 i = 0; i < header->program_count; i++, p++) {
        if (p->type != ELF_LOAD)
            continue;
        if ((p->va | p->offset) % PAGE_BYTES || p->va + p->memory_bytes > HEAP_TOP || load_segment(image, p))
            return 0;
        *data_end = PAGE_UP(p->va + p->file_bytes);
        *program_end = PAGE_UP(p->va + p->memory_bytes);
    }
    return header->entry;
}
