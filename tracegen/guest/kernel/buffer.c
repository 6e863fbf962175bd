// The buffer cache: the blocks used last, in whole pages, written to the disk late; and pages of other machines' files.
//
// It is all that is in memory of a file: read and write copy from and to these pages, and processes map them where they
// lie.  A page that is mapped stays with its block; pageout.c takes it from the processes when memory is short.
//
// What is here is the buffers' guard's; who holds a buffer needs none.
#include "buffer.h"
#include "disk.h"
#include "nfs.h"
#include "percpu.h"

static struct buffer *buffers; // as many as `limit`, of which the first `used` ever had a page
static u64 limit, used;
static struct buffer order = {.newer = &order, .older = &order};       // a ring: newer than this is the oldest, and so on
static struct buffer changed = {.later = &changed, .earlier = &changed}; // the same of those that are dirty
static struct buffer *chains[BUFFER_CHAINS];
static struct buffer *spare; // those without a page
static u64 pages, dirty;     // in the cache; and newer than on the disk
static int release_wanted;   // by who found every buffer held

// Takes memory, which reads zero, from physical address `from` on for a buffer to every second page up to `end`.  Gives
// the first address behind.
u64 buffer_init(u64 from, u64 end) {
    u64 wanted = (end - from) / PAGE_BYTES / 2;
    limit = wanted < MAX_BUFFERS ? wanted : MAX_BUFFERS;
    buffers = KERNEL(PAGE_UP(from));
    return PHYSICAL(buffers + limit);
}

static struct buffer **chain_of(u64 block) {
    return chains + (block ^ block >> 12 ^ block >> 36) % BUFFER_CHAINS;
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

static void order_remove_dirty(struct buffer *b) {
    b->later->earlier = b->earlier;
    b->earlier->later = b->later;
    b->dirty = 0;
    dirty--;
}

// No block is `b`'s any more; what it held is forgotten.
static void disown(struct buffer *b) {
    struct buffer **link = chain_of(b->block);
    while (*link != b)
        link = &(*link)->chain;
    *link = b->chain;
    if (b->dirty)
        order_remove_dirty(b);
    b->block = 0;
    b->valid = 0;
    order_remove(b);
}

// Gives up the page of `b`, which has no block.
static void retire(struct buffer *b) {
    page_tie(b->page, 0);
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

// Pages whose content the disk has, too: those that buffer_give_back could give, at once or when nobody maps them.
u64 buffer_clean_pages(void) {
    u64 n = 0;
    enter(buffers_lock);
    for (const struct buffer *b = order.newer; b != &order; b = b->newer)
        n += !b->held && !b->dirty;
    leave(buffers_lock);
    return n;
}

// Pages in the cache, whatever they are needed for.
u64 buffer_pages(void) {
    return pages;
}

// It is clean from the moment on when the disk is asked: who stores to the page meanwhile says so.
static void write_out(struct buffer *b) {
    b->held = 1;
    order_remove_dirty(b);
    if (b->block < FS_BLOCKS)
        disk_write(b->block, b->page);
    else
        remote_write(b);
    buffer_release(b);
}

// Whether the content of a held buffer could be had.
static int bring_in(struct buffer *b) {
    if (b->block >= FS_BLOCKS)
        return remote_read(b) == 0;
    disk_read(b->block, b->page);
    return 1;
}

// A buffer that has no page as yet, with a page; 0 when either is out.
static struct buffer *spare_with_page(u64 keep) {
    u64 page = spare || used < limit ? page_take(keep) : 0;
    if (!page)
        return 0;
    struct buffer *b = spare ? spare : buffers + used++;
    spare = spare ? b->chain : 0;
    b->page = page;
    page_tie(page, (u64)(b - buffers) + 1);
    pages++;
    return b;
}

// A buffer with a page of its own and no block: a spare one while memory is plenty, or the one used longest ago.
// 0 where another process may have brought in what the caller wants, or there is more to choose from.
static struct buffer *recycle(u64 keep) {
    struct buffer *fresh = spare_with_page(keep);
    if (fresh)
        return fresh;
    for (struct buffer *b = order.newer; b != &order; b = b->newer) {
        if (b->held || page_is_shared(b->page))
            continue;
        if (b->dirty) {
            write_out(b);
            return 0;
        }
        disown(b);
        return b;
    }
    if (keep)
        return recycle(0);
    if (page_out())
        return 0;
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

// Holds `block` with its content; 0 where that cannot be had, which the disk's always can.
struct buffer *buffer_read(u64 block) {
    enter(buffers_lock);
    struct buffer *b = hold(block);
    b->valid = b->valid || bring_in(b);
    if (!b->valid)
        buffer_release(b);
    b = b->valid ? b : 0;
    leave(buffers_lock);
    return b;
}

// The content of a held buffer is what is in `page`, which becomes its page unless somebody uses the one that it has.
// Gives the page that it has not.
u64 buffer_exchange(struct buffer *b, u64 page) {
    enter(buffers_lock);
    u64 other = page;
    if (page_is_shared(b->page)) {
        memcpy(KERNEL(b->page), KERNEL(page), PAGE_BYTES);
    } else {
        other = b->page;
        page_tie(other, 0);
        b->page = page;
        page_tie(page, (u64)(b - buffers) + 1);
    }
    leave(buffers_lock);
    return other;
}

// Gives `block` the content of `page`, as buffer_exchange does: whatever it was is of no interest.
u64 buffer_replace(u64 block, u64 page) {
    enter(buffers_lock);
    struct buffer *b = hold(block);
    page = buffer_exchange(b, page);
    b->valid = 1;
    buffer_dirty(b);
    buffer_release(b);
    leave(buffers_lock);
    return page;
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

// The page is changed.
void buffer_dirty(struct buffer *b) {
    enter(buffers_lock);
    if (!b->dirty) {
        b->dirty = 1;
        b->earlier = changed.earlier;
        b->later = &changed;
        b->earlier->later = changed.earlier = b;
        dirty++;
    }
    leave(buffers_lock);
}

// The buffer whose page this is, or 0.
static struct buffer *buffer_of(u64 page) {
    u64 place = page_tied(page);
    return place ? buffers + place - 1 : 0;
}

// The block whose content a page is; 0 for one that is not the cache's.
u64 buffer_block(u64 page) {
    const struct buffer *b = buffer_of(page);
    return b ? b->block : 0;
}

// A process has stored to a page that it maps.
void buffer_stored(u64 page) {
    struct buffer *b = buffer_of(page);
    if (b)
        buffer_dirty(b);
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

// Writes out what became dirty first.  0 where there is nothing that nobody holds.
int buffer_write_oldest(void) {
    enter(buffers_lock);
    struct buffer *b = changed.later;
    while (b != &changed && b->held)
        b = b->later;
    if (b != &changed)
        write_out(b);
    leave(buffers_lock);
    return b != &changed;
}

// Whoever changes much writes some of it out.
void buffer_throttle(void) {
    while (dirty > MAX_DIRTY && buffer_write_oldest())
        ;
}

// Writes a block out, if it is dirty.
void buffer_write_block(u64 block) {
    struct buffer *b;
    enter(buffers_lock);
    while ((b = find(block)) && b->held)
        await(b);
    if (b && b->dirty)
        write_out(b);
    leave(buffers_lock);
}

// Puts a page on the disk, if it is the cache's and newer there.
void buffer_write(u64 page) {
    struct buffer *b;
    enter(buffers_lock);
    while ((b = buffer_of(page)) && b->held)
        await(b);
    if (b && b->dirty)
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
    for (struct buffer *b = changed.later; b != &changed; b = b->later)
        if (b->block >= block && (!found || b->block < found->block))
            found = b;
    return found;
}

// Writes out all that is dirty, in the order of the disk, which is how it goes fastest.
void buffer_sync(void) {
    struct buffer *b;
    map_harvest();
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
