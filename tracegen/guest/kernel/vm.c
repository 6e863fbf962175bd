// What a process's pages are, and what happens when the hardware cannot use an entry.
#include "announce.h"
#include "buffer.h"
#include "fs.h"
#include "large.h"
#include "proc.h"
#include "space.h"

// The entry of `va`, or 0 where its table does not exist.
static pte_t *entry_of(const struct space *space, u64 va) {
    pte_t *table = table_at(&space->tables, va >> TABLE_SHIFT);
    return table ? table + (va >> PAGE_SHIFT) % TABLE_ENTRIES : 0;
}

// The first entry that is present from `*va` up to `end`, whose address `*va` becomes; 0 for none.  Large pages on the
// way are split.
pte_t *vm_next(struct space *space, u64 *va, u64 end) {
    while (*va < end) {
        if (large_at(&space->tables, *va))
            large_split(space, *va);
        u64 stop = ((*va >> TABLE_SHIFT) + 1) << TABLE_SHIFT;
        pte_t *entry = entry_of(space, *va);
        for (stop = stop < end ? stop : end; entry && *va < stop; *va += PAGE_BYTES, entry++)
            if (*entry & PTE_PRESENT)
                return entry;
        *va = stop;
    }
    return 0;
}

// The cache learns that a process has stored to a page of a file.
static void note_stores(const struct region *region, pte_t entry) {
    if (region->file && region->flags & MAP_SHARED && pte_is_dirty(entry))
        buffer_stored(pte_page(entry));
}

// Takes the process the large pages from `from` to `to`, whole.
static void unmap_large(struct space *space, u64 from, u64 to) {
    for (u64 va = (from + LARGE_BYTES - 1) & ~(LARGE_BYTES - 1); va + LARGE_BYTES <= to; va += LARGE_BYTES)
        if (large_at(&space->tables, va))
            large_unmap(space, va);
}

// Takes the process the pages of a region from `from` to `to`.
void vm_unmap(struct space *space, const struct region *region, u64 from, u64 to) {
    pte_t *entry;
    unmap_large(space, from, to);
    for (u64 va = from; (entry = vm_next(space, &va, to)); va += PAGE_BYTES) {
        pte_t old = *entry;
        *entry = 0;
        entry_changed(space, va, entry);
        note_stores(region, old);
        page_free(pte_page(old));
    }
}

// The same for all of a region, in a space whose tables go, too: their entries stay as they are.
void vm_abandon(struct space *space, const struct region *region) {
    pte_t *entry;
    unmap_large(space, region->low, region->high);
    for (u64 va = region->low; (entry = vm_next(space, &va, region->high)); va += PAGE_BYTES) {
        note_stores(region, *entry);
        page_free(pte_page(*entry));
    }
}

// Notes the stores so far to a region's pages from `from` to `to`, so that the next ones count anew.
void vm_harvest(struct space *space, const struct region *region, u64 from, u64 to) {
    pte_t *entry;
    for (u64 va = from; (entry = vm_next(space, &va, to)); va += PAGE_BYTES) {
        if (!pte_is_dirty(*entry))
            continue;
        note_stores(region, *entry);
        *entry = pte_cleaned(*entry);
        entry_changed(space, va, entry);
    }
}

// The region has entries in `bytes` from `va` on.
static void extend(struct region *region, u64 va, u64 bytes) {
    region->low = va < region->low ? va : region->low;
    region->high = va + bytes > region->high ? va + bytes : region->high;
}

// Sets the entry of `va`, which was not present.  It keeps the reference to `page`, or gives it up where there is no
// memory for a table.
static enum fault map(struct space *space, struct region *region, u64 va, u64 page, pte_t flags) {
    va = PAGE_DOWN(va);
    if (!entry_of(space, va) && !table_create(space, va >> TABLE_SHIFT)) {
        page_free(page);
        return FAULT_NO_MEMORY;
    }
    pte_t *entry = entry_of(space, va);
    *entry = page | flags;
    entry_added(space, va, entry);
    extend(region, va, PAGE_BYTES);
    return FAULT_RESOLVED;
}

// First touch of heap, stack or bss: a zeroed page, referenced and dirty from the start.
static enum fault demand_zero(struct space *space, struct region *region, u64 va) {
    if (pages_are_large && large_map(space, region, va)) {
        extend(region, va & ~(LARGE_BYTES - 1), LARGE_BYTES);
        return FAULT_RESOLVED;
    }
    u64 page = page_alloc_zeroed();
    return page ? map(space, region, va, page, pte_touched(pte_of(region->flags), 1)) : FAULT_NO_MEMORY;
}

// First touch of memory that is shared without a file.
static enum fault demand_shared(struct space *space, struct region *region, u64 va) {
    u64 page = segment_page(region->segment, PAGE_DOWN(va) - region->from + region->offset);
    if (!page)
        return FAULT_NO_MEMORY;
    page_share(page);
    return map(space, region, va, page, pte_touched(pte_of(region->flags), 1));
}

// A copy of a page of the cache, of which `bytes` come from the file; 0 when memory is out.
static u64 copy_of_file(u64 from, u64 block, u64 bytes) {
    u64 page = page_alloc_copy(from);
    if (!page)
        return 0;
    if (bytes < PAGE_BYTES)
        memset((u8 *)KERNEL(page) + bytes, 0, PAGE_BYTES - bytes);
    else if (block < FS_BLOCKS)
        ANNOUNCE2(ANNOUNCE_FILLED, page >> PAGE_SHIFT, block);
    return page;
}

// Maps the held buffer's page where it lies; or a copy, where the process is about to have one of its own anyway.
static enum fault map_block(struct space *space, struct region *region, u64 va, const struct buffer *b, int store) {
    u64 bytes = region->bytes - (PAGE_DOWN(va) - region->from);
    pte_t flags = pte_of(region->flags);
    int private = region->flags & MAP_WRITE && !(region->flags & MAP_SHARED);
    if (private && (store || bytes < PAGE_BYTES)) {
        u64 page = copy_of_file(b->page, b->block, bytes);
        return page ? map(space, region, va, page, pte_touched(flags, 1)) : FAULT_NO_MEMORY;
    }
    page_share(b->page);
    flags = pte_touched(private ? pte_shared(flags) : flags, store && region->flags & MAP_WRITE);
    return map(space, region, va, b->page, flags);
}

static u64 block_number(const struct region *region, u64 va) {
    return (PAGE_DOWN(va) - region->from + region->offset) / PAGE_BYTES;
}

// First touch of a page of a file.  The disk may have to be asked; meanwhile the region can go, and the page come.
static enum fault demand_file(struct space *space, struct region *region, u64 va, int store) {
    struct inode *file = inode_share(region->file);
    u64 i = block_number(region, va);
    enter(&filelock);
    struct buffer *b = content_buffer(file, i);
    leave(&filelock);
    enum fault fault = FAULT_REFUSED; // beyond the file's end
    if (b) {
        const pte_t *entry = entry_of(space, va);
        region = region_at(space, va);
        fault = FAULT_RESOLVED; // or what there is now is looked at next
        if (region && region->file == file && block_number(region, va) == i && !(entry && *entry & PTE_PRESENT))
            fault = map_block(space, region, va, b, store);
        buffer_release(b);
    }
    enter(&filelock);
    inode_put(file);
    leave(&filelock);
    return fault;
}

static enum fault bring_in(struct space *space, struct region *region, u64 va, int store, int wait) {
    if (region->segment)
        return demand_shared(space, region, va);
    if (!region->file || PAGE_DOWN(va) - region->from >= region->bytes)
        return demand_zero(space, region, va);
    if (!wait)
        return FAULT_WAITS;
    ANNOUNCE2(ANNOUNCE_SERVICE_FOUND, SERVICE_FILE_FAULT, SERVICE_DEMAND_ZERO);
    return demand_file(space, region, va, store);
}

// First store to a page that others have, too: a page of its own, which is the shared one if nobody else holds it any
// more.  It is held meanwhile: who looks for memory may take it from this space.
static enum fault copy_on_write(struct space *space, const struct region *region, u64 va, pte_t *entry) {
    u64 shared = pte_page(*entry), page = shared, block = buffer_block(shared);
    if (page_is_shared(shared)) {
        page_share(shared);
        page = block ? copy_of_file(shared, block, PAGE_BYTES) : page_alloc_copy(shared);
        page_free(shared);
        if (page && !(*entry & PTE_PRESENT)) {
            page_free(page);
            return FAULT_RESOLVED; // comes in anew
        }
        if (!page)
            return FAULT_NO_MEMORY;
    }
    *entry = page | pte_touched(pte_of(region->flags), 1);
    entry_changed(space, va, entry);
    if (page != shared)
        page_free(shared);
    return FAULT_RESOLVED;
}

static enum fault resolve(struct space *space, u64 va, u64 needs, int wait) {
    struct region *region = region_at(space, va);
    if (!region)
        return FAULT_REFUSED;
    const pte_t *large = large_at(&space->tables, va);
    if (large)
        return pte_allows(*large, needs) ? FAULT_RESOLVED : FAULT_REFUSED;
    pte_t *entry = entry_of(space, va);
    int store = needs == MAP_WRITE;
    if (!entry || !(*entry & PTE_PRESENT))
        return bring_in(space, region, va, store, wait);
    if (needs & ~region->flags)
        return FAULT_REFUSED;
    if (store && pte_is_to_copy(*entry))
        return copy_on_write(space, region, va, entry);
    if (!pte_touch(entry, store))
        return FAULT_REFUSED;
    entry_added(space, va, entry);
    return FAULT_RESOLVED;
}

// The hardware found no usable entry for an access to `va`, which needs MAP_READ, MAP_WRITE or MAP_EXECUTE: brings the
// page in, copies it, or notes the touch where the hardware leaves that to the kernel.  Who may not `wait` for the disk
// is told to.
enum fault vm_fault(struct space *space, u64 va, u64 needs, int wait) {
    enum fault fault;
    while ((fault = resolve(space, va, needs, wait)) == FAULT_NO_MEMORY && wait && buffer_write_oldest())
        ;
    return fault;
}

// Makes user memory such that a copy which failed can be tried again; waits for what has to come from the disk.  -1
// where it is not the process's, or memory is out.  Nobody who holds a buffer comes here.
int user_bring(u64 va, u64 bytes, u64 needs) {
    if (!in_user(va, bytes))
        return -1;
    struct space *space = current->space;
    int failed = 0;
    enter(lock_of(space));
    for (u64 page = PAGE_DOWN(va); !failed && page < va + bytes; page += PAGE_BYTES) {
        const struct region *region = region_at(space, page);
        failed = !region || needs & ~region->flags || vm_fault(space, page, needs, 1) != FAULT_RESOLVED;
    }
    leave(lock_of(space));
    return failed ? -1 : 0;
}

// Copies to and from user memory, for those who may wait.  0, or -1 where it is not the process's.
int copy_out(u64 to, const void *from, u64 bytes) {
    if (!in_user(to, bytes))
        return -1;
    while (user_copy((void *)to, from, bytes))
        if (user_bring(to, bytes, MAP_WRITE))
            return -1;
    return 0;
}

int copy_in(void *to, u64 from, u64 bytes) {
    if (!in_user(from, bytes))
        return -1;
    while (user_copy(to, (const void *)from, bytes))
        if (user_bring(from, bytes, MAP_READ))
            return -1;
    return 0;
}
