// Loading a program: an ELF file becomes a space.
//
// Pages start out present but neither referenced nor dirty: the first touch and the first store of each are soft
// faults.  Read-only pages map the file where it lies in RAM; writable ones are copied first.
#include "proc.h"
#include "space.h"

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

extern const u8 program_gups[], program_gups_end[]; // program.S
extern const u8 program_radix[], program_radix_end[];
extern const u8 program_usertests[], program_usertests_end[];
extern const u8 program_echo[], program_echo_end[];

static const struct program {
    const char *name;
    const u8 *image, *end;
} programs[] = {
    {"gups", program_gups, program_gups_end},
    {"radix", program_radix, program_radix_end},
    {"usertests", program_usertests, program_usertests_end},
    {"echo", program_echo, program_echo_end},
};

static const struct program *find(const char *name) {
    for (u64 i = 0; i < sizeof programs / sizeof *programs; i++)
        if (strcmp(programs[i].name, name) == 0)
            return programs + i;
    return 0;
}

int exec_knows(const char *name) {
    return find(name) != 0;
}

// Cuts the text at its spaces.  0, or which limit of param.h it exceeds; without a word, argument 0 is empty.
const char *arguments_split(struct arguments *into) {
    into->count = 0;
    into->start[0] = (u16)strlen(into->text);
    for (char *p = into->text; *p;) {
        if (*p == ' ') {
            *p++ = 0;
            continue;
        }
        if (into->count == MAX_ARGUMENTS)
            return "too many boot arguments";
        into->start[into->count++] = (u16)(p - into->text);
        while (*p && *p != ' ')
            p++;
    }
    return 0;
}

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

static int load_segment(struct space *space, const u8 *image, const struct elf_program *p) {
    int writable = (p->flags & ELF_WRITABLE) != 0;
    for (u64 done = 0; done < p->file_bytes; done += PAGE_BYTES) {
        const u8 *from = image + p->offset + done;
        u64 page = writable ? copy_of(from, p->file_bytes - done) : PHYSICAL(from);
        u64 flags = PTE_PRESENT | (writable ? PTE_WRITABLE : 0);
        if (!page)
            return -1;
        if (vm_map(space, p->va + done, page, flags)) {
            page_free(page);
            return -1;
        }
    }
    return 0;
}

// Maps a page-aligned ELF file.  Its entry point, or 0 when it is damaged or memory is out.
static u64 load(struct space *space, const u8 *image, const u8 *end) {
    const struct elf_header *header = (const struct elf_header *)image;
    if (end - image < (i64)sizeof *header || *(const u32 *)header->ident != 0x7f454c46)
        return 0;
    const struct elf_program *p = (const struct elf_program *)(image + header->program_offset);
    for (u32 i = 0; i < header->program_count; i++, p++) {
        if (p->type != ELF_LOAD)
            continue;
        if ((p->va | p->offset) % PAGE_BYTES || p->va + p->memory_bytes > HEAP_TOP)
            return 0;
        space->zeroed = PAGE_UP(p->va + p->file_bytes);
        space->heap_end = PAGE_UP(p->va + p->memory_bytes);
        if (load_segment(space, image, p))
            return 0;
    }
    return header->entry;
}

// A new space with the program that `line` names, which must be known; 0 when it does not fit.
struct space *exec_load(const struct arguments *line, u64 *entry) {
    const struct program *program = find(line->text + line->start[0]);
    struct space *space = space_create();
    if (!space)
        return 0;
    *entry = load(space, program->image, program->end);
    if (*entry)
        return space;
    space_destroy(space);
    return 0;
}
