// The buffer cache: the blocks used last, in whole pages, written to the disk late.
//
// exec maps a page of the cache into a process where it lies.  So a page may have other users than its buffer: then it
// is not changed but replaced, and it is not the cache's to give back.
//
// What is here is the buffers' monitor's; who holds a buffer needs none.
#include "buffer.h"
#include "disk.h"
#include "percpu.h"

static struct buffer buffers[MAX_BUFFERS];
static struct buffer order = {.newer = &order, .older = &order}; // a ring: newer than this is the oldest, and so on
static struct buffer *chains[BUFFER_CHAINS];
static struct buffer *spare; // those without a page
static u64 pages, dirty;     // in the cache; and newer than on the disk
static int release_wanted;   // by who found every buffer held

void buffer_init(void) {
    for (struct buffer *b = buffers; b < buffers + MAX_BUFFERS; b++) {
        b->chain = spare;
        spare = b;
    }
}

static struct buffer **chain_of(u64 block) {
    return chains + block % BUFFER_CHAINS;
}

static struct buffer *find(u64 block) {
    struct buffer *b = *chain_of(block);
    while (b && b->block != block)
        b = b->chain;
    return b;
}

static void order_remove(struct buffer *b) {
    b->newer->older = b->older;
    b->older->newer = b->newer;
}

static void order_add_newest(struct buffer *b) {
    b->older = order.older;
    b->newer = &order;
    b->older->newer = order.older = b;
}

// No block is `b`'s any more; what it held is forgotten.
static void disown(struct buffer *b) {
    struct buffer **link = chain_of(b->block);
    while (*link != b)
        link = &(*link)->chain;
    *link = b->chain;
    dirty -= (u64)b->dirty;
    b->block = 0;
    b->valid = b->dirty = 0;
    order_remove(b);
}

// Gives up the page of `b`, which has no block.
static void retire(struct buffer *b) {
    page_free(b->page);
    b->page = 0;
    pages--;
    b->chain = spare;
    spare = b;
}

static int is_idle(const struct buffer *b) {
    return !b->held && !b->dirty && !page_is_shared(b->page);
}

// Gives the oldest page that nobody needs back to page.c.  0 when there is none.
int buffer_give_back(void) {
    enter(buffers_lock);
    struct buffer *b = order.newer;
    while (b != &order && !is_idle(b))
        b = b->newer;
    if (b != &order) {
        disown(b);
        retire(b);
    }
    leave(buffers_lock);
    return b != &order;
}

// Pages that buffer_give_back could give.
u64 buffer_idle_pages(void) {
    u64 n = 0;
    enter(buffers_lock);
    for (const struct buffer *b = order.newer; b != &order; b = b->newer)
        n += (u64)is_idle(b);
    leave(buffers_lock);
    return n;
}

// Pages in the cache, whatever they are needed for.
u64 buffer_pages(void) {
    return pages;
}

static void write_out(struct buffer *b) {
    b->held = 1;
    disk_write(b->block, b->page);
    b->dirty = 0;
    dirty--;
    buffer_release(b);
}

// A buffer with a page of its own and no block: a spare one while memory is plenty, or the one used longest ago.
// 0 after a sleep, when another process may have brought in what the caller wants.
static struct buffer *recycle(u64 keep) {
    u64 page;
    if (spare && (page = page_take(keep))) {
        struct buffer *b = spare;
        spare = b->chain;
        b->page = page;
        pages++;
        return b;
    }
    for (struct buffer *b = order.newer; b != &order; b = b->newer) {
        if (b->held)
            continue;
        if (b->dirty) {
            write_out(b);
            return 0;
        }
        if (page_is_shared(b->page)) { // it stays with the processes
            if (!(page = page_take(keep)))
                continue;
            page_free(b->page);
            b->page = page;
        }
        disown(b);
        return b;
    }
    if (keep)
        return recycle(0);
    release_wanted = 1;
    sleep(&release_wanted);
    return 0;
}

static void await(struct buffer *b) {
    b->wanted = 1;
    sleep(b);
}

// The buffer of `block`, held; if it was not there, not valid yet.
static struct buffer *hold(u64 block) {
    for (;;) {
        struct buffer *b = find(block);
        if (b && b->held) {
            await(b);
            continue;
        }
        if (b) {
            order_remove(b);
        } else if ((b = recycle(RESERVED_PAGES))) {
            b->block = block;
            b->chain = *chain_of(block);
            *chain_of(block) = b;
        } else {
            continue;
        }
        b->held = 1;
        order_add_newest(b);
        return b;
    }
}

// Holds `block` with the disk's content.
struct buffer *buffer_read(u64 block) {
    enter(buffers_lock);
    struct buffer *b = hold(block);
    if (!b->valid)
        disk_read(block, b->page);
    b->valid = 1;
    leave(buffers_lock);
    return b;
}

// Holds `block`, all zeroes: whatever the disk has is of no interest.
struct buffer *buffer_fresh(u64 block) {
    enter(buffers_lock);
    struct buffer *b = hold(block);
    page_zero(b->page);
    b->valid = 1;
    buffer_dirty(b);
    leave(buffers_lock);
    return b;
}

// Makes a page that processes map one that may be changed: they keep it, the buffer gets a copy.  -1: no memory.
int buffer_own(struct buffer *b) {
    if (!page_is_shared(b->page))
        return 0;
    u64 page = page_alloc_copy(b->page);
    if (!page)
        return -1;
    page_free(b->page);
    b->page = page;
    return 0;
}

// The holder has changed the page.
void buffer_dirty(struct buffer *b) {
    enter(buffers_lock);
    dirty += (u64)!b->dirty;
    b->dirty = 1;
    leave(buffers_lock);
}

static struct buffer *oldest_dirty(void) {
    struct buffer *b = order.newer;
    while (b != &order && (b->held || !b->dirty))
        b = b->newer;
    return b == &order ? 0 : b;
}

void buffer_release(struct buffer *b) {
    enter(buffers_lock);
    b->held = 0;
    if (b->wanted)
        wake(b);
    b->wanted = 0;
    if (release_wanted)
        wake(&release_wanted);
    release_wanted = 0;
    leave(buffers_lock);
}

// Whoever changes much writes some of it out.
void buffer_throttle(void) {
    struct buffer *b;
    enter(buffers_lock);
    while (dirty > MAX_DIRTY && (b = oldest_dirty()))
        write_out(b);
    leave(buffers_lock);
}

// The block is free: nobody wants its content.
void buffer_forget(u64 block) {
    struct buffer *b;
    enter(buffers_lock);
    while ((b = find(block)) && b->held)
        await(b);
    if (b) {
        disown(b);
        retire(b);
    }
    leave(buffers_lock);
}

// The dirty buffer with the lowest block from `block` up, or 0.
static struct buffer *dirty_from(u64 block) {
    struct buffer *found = 0;
    for (struct buffer *b = buffers; b < buffers + MAX_BUFFERS; b++)
        if (b->dirty && b->block >= block && (!found || b->block < found->block))
            found = b;
    return found;
}

// Writes out all that is dirty, in the order of the disk, which is how it goes fastest.
void buffer_sync(void) {
    struct buffer *b;
    enter(buffers_lock);
    for (u64 next = 0; (b = dirty_from(next));) {
        if (b->held) {
            await(b);
            continue;
        }
        next = b->block + 1;
        write_out(b);
    }
    leave(buffers_lock);
}
