// The parts of an ELF file that say how a program is loaded.
#pragma once
#include "types.h"

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
