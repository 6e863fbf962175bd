// Loading a program: an ELF file becomes the regions of a space.  Its pages come at their first touch.
#include "arch.h"
#include "elf.h"
#include "fs.h"
#include "proc.h"
#include "space.h"

// Refers to the file that the first word names; 0 where there is none.
struct inode *exec_find(const struct arguments *line) {
    char name[PATH_BYTES];
    u64 length = argument_length(line, 0);
    if (!length || length >= sizeof name)
        return 0;
    memcpy(name, line->text + line->start[0], length);
    name[length] = 0;
    return path_open(name, 0);
}

// The file's part of a segment.  0, or -1 when there are too many.
static int add_file(struct space *space, struct inode *file, const struct elf_program *p) {
    u64 flags = p->flags & ELF_WRITABLE ? MAP_READ | MAP_WRITE : MAP_READ | MAP_EXECUTE;
    struct region made = {.from = p->va, .to = PAGE_UP(p->va + p->file_bytes), .flags = flags | REGION_PROGRAM};
    made.file = file;
    made.offset = p->offset;
    made.bytes = p->file_bytes;
    return !p->file_bytes || region_add(space, &made) ? 0 : -1;
}

// Zeroes up to the end of the last segment, where the heap begins; and the stack.
static int add_zeroes(struct space *space, u64 from) {
    struct region made = {.from = from, .to = space->heap_end, .flags = MAP_READ | MAP_WRITE};
    if (!region_add(space, &made))
        return -1;
    made.from = STACK_LOW;
    made.to = USER_TOP;
    return region_add(space, &made) ? 0 : -1;
}

// Whether a segment lies in the file, and in memory behind the ones before it.
static int is_sound(const struct space *space, const struct inode *file, const struct elf_program *p) {
    return (p->va | p->offset) % PAGE_BYTES == 0 && p->offset <= file->disk.bytes &&
           p->file_bytes <= file->disk.bytes - p->offset && p->file_bytes <= p->memory_bytes &&
           p->va >= space->heap_end && p->va <= HEAP_TOP && p->memory_bytes <= HEAP_TOP - p->va;
}

static int load_segments(struct space *space, struct inode *file, const struct elf_header *header) {
    u64 zeroes = 0;
    for (u64 i = 0; i < header->program_count; i++) {
        struct elf_program p;
        if (content_read(file, (u64)&p, header->program_offset + i * sizeof p, sizeof p) != sizeof p)
            return -1;
        if (p.type != ELF_LOAD)
            continue;
        if (!is_sound(space, file, &p))
            return -1;
        zeroes = PAGE_UP(p.va + p.file_bytes);
        space->heap_end = PAGE_UP(p.va + p.memory_bytes);
        if (add_file(space, file, &p))
            return -1;
    }
    return add_zeroes(space, zeroes);
}

// A new space with the program in `file`; 0 when that is no program, somebody may write to it, or memory is out.
struct space *exec_load(struct inode *file, u64 *entry) {
    struct elf_header header;
    struct space *space = space_create();
    if (!space)
        return 0;
    inode_lock(file);
    int failed = file->writers || !inode_can_map(file) ||
                 content_read(file, (u64)&header, 0, sizeof header) != sizeof header ||
                 *(const u32 *)header.ident != ELF_MAGIC || header.machine != ELF_MACHINE ||
                 header.entry >= USER_TOP || load_segments(space, file, &header);
    inode_unlock(file);
    if (failed) {
        space_destroy(space);
        return 0;
    }
    *entry = header.entry;
    return space;
}
