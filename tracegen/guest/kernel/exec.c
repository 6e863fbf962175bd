// Loading a program: an ELF file becomes a space.
//
// Pages start out present but neither referenced nor dirty.  Read-only pages are the buffer cache's own, mapped where they lie; writable ones are copied first.
#include "arch.h"
#include "buffer.h"
#include "fs.h"
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

// Refers to the file that the first word names; 0 where there is none.
struct inode *exec_find(const struct arguments *line) {
    char name[FS_NAME_BYTES] = {0};
    u64 length = argument_length(line, 0);
    if (!length || length >= sizeof name)
        return 0;
    memcpy(name, line->text + line->start[0], length);
    return directory_open(name, 0);
}

// A page for a process with a block's content: the cache's own, or where it is to be written to a copy, of which
// `bytes` come from the file.  0 when memory is out.
static u64 page_of(u64 block, u64 bytes, int writable) {
    struct buffer *b = buffer_read(block);
    u64 page = 0;
    if (writable) {
        page = page_alloc_copy(b->page);
        if (page && bytes < PAGE_BYTES)
            memset((u8 *)KERNEL(page) + bytes, 0, PAGE_BYTES - bytes);
    } else if (page_available()) { // or the cache might be left without a page of its own
        page_share(page = b->page);
    }
    buffer_release(b);
    return page;
}

static int load_segment(struct space *space, const struct inode *file, const struct elf_program *p) {
    int writable = (p->flags & ELF_WRITABLE) != 0;
    for (u64 done = 0; done < p->file_bytes; done += PAGE_BYTES) {
        u64 page = page_of(content_block(file, (p->offset + done) / PAGE_BYTES), p->file_bytes - done, writable);
        if (!page)
            return -1;
        if (vm_map(space, p->va + done, page, writable ? PTE_DATA : PTE_TEXT)) {
            page_free(page);
            return -1;
        }
    }
    return 0;
}

// Whether a segment lies in the file, and in memory behind the ones before it.
static int is_sound(const struct space *space, const struct inode *file, const struct elf_program *p) {
    return (p->va | p->offset) % PAGE_BYTES == 0 && p->offset <= file->disk.bytes &&
           p->file_bytes <= file->disk.bytes - p->offset && p->file_bytes <= p->memory_bytes &&
           p->va >= space->heap_end && p->va <= HEAP_TOP && p->memory_bytes <= HEAP_TOP - p->va;
}

static int load_segments(struct space *space, const struct inode *file, const struct elf_header *header) {
    for (u64 i = 0; i < header->program_count; i++) {
        struct elf_program p;
        if (content_read(file, (u64)&p, header->program_offset + i * sizeof p, sizeof p) != sizeof p)
            return -1;
        if (p.type != ELF_LOAD)
            continue;
        if (!is_sound(space, file, &p))
            return -1;
        space->zeroed = PAGE_UP(p.va + p.file_bytes);
        space->heap_end = PAGE_UP(p.va + p.memory_bytes);
        if (load_segment(space, file, &p))
            return -1;
    }
    return 0;
}

// A new space with the program in `file`; 0 when that is no program or memory is out.
struct space *exec_load(struct inode *file, u64 *entry) {
    struct elf_header header;
    struct space *space = space_create();
    if (!space)
        return 0;
    inode_lock(file);
    int failed = content_read(file, (u64)&header, 0, sizeof header) != sizeof header ||
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
