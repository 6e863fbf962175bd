// Pages of files, kept by a clock.
#include "database.h"

struct frame {
    i64 descriptor;
    u64 page;
    u32 fixed, next; // of the chain: index + 1
    u8 holds, used, changed;
};

static struct frame *frame;
static u8 *memory;
static u32 *chain;
static u64 frames, hand;
static void (*before)(void);

void open_pool(u64 count, void (*before_write)(void)) {
    frames = count;
    before = before_write;
    frame = allocate(count * sizeof *frame);
    chain = allocate(count * sizeof *chain);
    memory = allocate(count * PAGE_BYTES);
}

struct file new_file(const char *name) {
    i64 descriptor = sys_open(name, OPEN_READ | OPEN_WRITE | OPEN_CREATE | OPEN_TRUNCATE);
    if (descriptor < 0)
        stop("cannot make a file", STATUS_NO_SPACE);
    return (struct file){descriptor};
}

static u32 *chain_of(i64 descriptor, u64 page) {
    return &chain[(page * 31 + (u64)descriptor * 1031) % frames];
}

static u8 *memory_of(const struct frame *of) {
    return memory + (u64)(of - frame) * PAGE_BYTES;
}

static void write_out(struct frame *of) {
    if (sys_seek(of->descriptor, of->page * PAGE_BYTES) < 0)
        stop("a page after the file's end", EXIT_WRONG);
    write_all(of->descriptor, memory_of(of), PAGE_BYTES);
    of->changed = 0;
}

static void write_back(struct frame *of) {
    if (!of->changed)
        return;
    if (before)
        before();
    write_out(of);
}

// The frame that was not used since the hand last passed; what it held is gone.
static struct frame *replace(void) {
    for (u64 passed = 0; frame[hand].fixed || frame[hand].used; hand = (hand + 1) % frames) {
        frame[hand].used = 0;
        if (passed++ == 2 * frames)
            stop("the pool is too small", STATUS_USAGE);
    }
    struct frame *found = &frame[hand];
    hand = (hand + 1) % frames;
    if (found->holds) {
        write_back(found);
        u32 *link = chain_of(found->descriptor, found->page);
        while (*link != found - frame + 1)
            link = &frame[*link - 1].next;
        *link = found->next;
    }
    return found;
}

static struct frame *read_in(i64 descriptor, u64 page) {
    struct frame *found = replace();
    u32 *link = chain_of(descriptor, page);
    found->holds = 1;
    found->descriptor = descriptor;
    found->page = page;
    found->next = *link;
    *link = (u32)(found - frame) + 1;
    if (sys_seek(descriptor, page * PAGE_BYTES) < 0 || sys_read(descriptor, memory_of(found), PAGE_BYTES) < PAGE_BYTES) {
        memset(memory_of(found), 0, PAGE_BYTES); // the file grows by a page
        write_out(found);
    }
    return found;
}

void *fix(struct file file, u64 page) {
    u32 link = *chain_of(file.descriptor, page);
    while (link && (frame[link - 1].page != page || frame[link - 1].descriptor != file.descriptor))
        link = frame[link - 1].next;
    struct frame *found = link ? &frame[link - 1] : read_in(file.descriptor, page);
    found->fixed++;
    found->used = 1;
    return memory_of(found);
}

static struct frame *frame_of(const void *page) {
    return &frame[(u64)((const u8 *)page - memory) / PAGE_BYTES];
}

void changed(const void *page) {
    frame_of(page)->changed = 1;
}

void unfix(const void *page) {
    frame_of(page)->fixed--;
}

void flush_pool(void) {
    for (u64 i = 0; i < frames; i++)
        write_back(&frame[i]);
}
