// The file server: processes that are in the kernel for good, and do what other machines call for (nfs.h), one call at a time each.
//
// A page that is asked for leaves from where it lies in the buffer cache, and one that comes stays there.  Who gets no
// answer calls again; a call that changes something, and that comes again, gets the answer that was lost.  What was
// written is in this machine's memory when it is answered, not yet on its disk.
#include "announce.h"
#include "buffer.h"
#include "fs.h"
#include "net.h"
#include "nfs.h"
#include "proc.h"

struct work {
    u64 words[NET_HEAD_WORDS]; // the call's, then the answer's
    struct packet *call;
    struct nfs_names names;
    u64 page; // that goes with the answer, 0 for none
};

static struct answer {
    u64 station, call; // 0: none as yet
    int busy;          // it is being found
    u64 words[NET_HEAD_WORDS];
} answers[MAX_ANSWERS];

static struct socket *own;
static u64 latest;       // answer that was remembered last
static u64 gone;         // by bit, stations that need nothing more
static u64 until;        // the tick up to which the server stays for them

static void take_request(struct socket *s, struct packet *p) {
    if (s->received.count >= MAX_REQUESTS) {
        packet_drop(p);
        return;
    }
    queue_add(&s->received, p);
    wake_some(&own, 1);
}

static int begin(void) {
    if (own)
        return 0;
    if (net_stations() == 1 || !(own = socket_make(SOCKET_DATAGRAM)))
        return -1;
    socket_choose_port(own, NFS_PORT);
    own->input = take_request;
    return 0;
}

// What there is to know of a file goes into the answer.  It stays referred to.
static void tell(struct work *w, struct inode *inode) {
    inode_lock(inode);
    w->words[NFS_FILE] = inode->number;
    w->words[NFS_BYTES] = inode->disk.bytes;
    w->words[NFS_MODIFIED] = inode->disk.modified;
    w->words[NFS_KIND] = inode->disk.links | (u64)inode->disk.directory << NFS_DIRECTORY_SHIFT;
    inode_unlock(inode);
}

static void tell_and_put(struct work *w, struct inode *inode) {
    if (!inode)
        return;
    tell(w, inode);
    inode_put(inode);
}

static void attributes(struct work *w, struct inode *inode) {
    tell(w, inode);
}

static void lookup(struct work *w, struct inode *directory) {
    tell_and_put(w, directory->system->lookup(directory, w->names.name));
}

static void read(struct work *w, struct inode *inode) {
    inode_lock(inode);
    struct buffer *b = content_buffer(inode, w->call->header.head[NFS_INDEX]);
    if (b) {
        page_share(b->page);
        w->page = b->page;
        buffer_release(b);
    }
    inode_unlock(inode);
    if (b)
        tell(w, inode);
}

// The block for page `i`, and all before it; 0 when the disk or the file is full.
static u64 block_at(struct inode *inode, u64 i) {
    u64 block = content_block(inode, i);
    if (block)
        return block;
    for (u64 k = (inode->disk.bytes + PAGE_BYTES - 1) / PAGE_BYTES; k <= i; k++)
        if (!(block = content_block(inode, k)) && !(block = inode->system->add(inode, k)))
            return 0;
    return block;
}

// Puts the page that came into the file.  -1 where it cannot be.
static int put(struct work *w, struct inode *inode, u64 i) {
    u64 block = i < FS_DIRECT + FS_INDIRECT ? block_at(inode, i) : 0;
    if (block)
        w->call->page = buffer_replace(block, w->call->page);
    return block ? 0 : -1;
}

static void write(struct work *w, struct inode *inode) {
    const u64 *words = w->call->header.head;
    u64 end = (words[NFS_INDEX] + 1) * PAGE_BYTES, bytes = words[NFS_SIZE];
    int whole = w->call->header.bytes == PAGE_BYTES;
    inode_lock(inode);
    int failed = inode->running || inode->disk.directory || (whole ? put(w, inode, words[NFS_INDEX]) != 0 : bytes && !content_block(inode, (bytes - 1) / PAGE_BYTES));
    if (whole && bytes > end)
        bytes = end;
    if (!failed) {
        if (inode->disk.bytes < bytes)
            inode->disk.bytes = bytes;
        inode->disk.modified = timer_now();
        inode->system->store(inode);
    }
    inode_unlock(inode);
    if (!failed)
        tell(w, inode);
    buffer_throttle();
}

static void truncate(struct work *w, struct inode *inode) {
    inode_lock(inode);
    int failed = inode->mapped || inode->disk.directory;
    if (!failed)
        content_truncate(inode);
    inode_unlock(inode);
    if (!failed)
        tell(w, inode);
}

static void create(struct work *w, struct inode *directory) {
    tell_and_put(w, directory->system->create(directory, w->names.name, w->call->header.head[NFS_FLAG] != 0));
}

static void remove(struct work *w, struct inode *directory) {
    if (!directory->system->remove(directory, w->names.name, w->call->header.head[NFS_FLAG] != 0))
        tell(w, directory);
}

static void rename(struct work *w, struct inode *source) {
    const u64 *words = w->call->header.head;
    struct inode *target = inode_live(words[NFS_INDEX]);
    if (target && !source->system->rename(source, w->names.name, target, w->names.other, words[NFS_FLAG] != 0))
        tell_and_put(w, target->system->lookup(target, w->names.other));
    if (target)
        inode_put(target);
}

static void unmount(struct work *w, struct inode *root) {
    gone |= 1UL << w->call->header.from;
    wake(&own); // perhaps that was the last one
    tell(w, root);
}

static void (*const procedures[])(struct work *, struct inode *) = {
    [NFS_MOUNT] = attributes, [NFS_ATTRIBUTES] = attributes, [NFS_LOOKUP] = lookup, [NFS_READ] = read,
    [NFS_WRITE] = write,      [NFS_TRUNCATE] = truncate,     [NFS_CREATE] = create, [NFS_REMOVE] = remove,
    [NFS_RENAME] = rename,    [NFS_UNMOUNT] = unmount,
};

#define PROCEDURES (sizeof procedures / sizeof *procedures)

// Names that are as they should be, if the call has any.
static void take_names(struct work *w) {
    memset(&w->names, 0, sizeof w->names);
    if (w->call->header.bytes != sizeof w->names)
        return;
    memcpy(&w->names, KERNEL(w->call->page), sizeof w->names);
    w->names.name[FS_NAME_BYTES - 1] = w->names.other[FS_NAME_BYTES - 1] = 0;
}

// Does what is called for, if there is such a thing.
static void work(struct work *w, u64 procedure) {
    struct inode *inode = inode_live(w->words[NFS_FILE]);
    w->words[NFS_FILE] = 0;
    if (inode && procedure < PROCEDURES && procedures[procedure]) {
        take_names(w);
        procedures[procedure](w, inode);
    }
    if (inode)
        inode_put(inode);
}

// Where the answer to a call that changes something is remembered.  0: it has been done, or is being done.
static struct answer *remember(u64 station, u64 call) {
    for (struct answer *a = answers; a < answers + MAX_ANSWERS; a++)
        if (a->station == station && a->call == call)
            return 0;
    do
        latest = (latest + 1) % MAX_ANSWERS;
    while (answers[latest].busy);
    answers[latest].station = station;
    answers[latest].call = call;
    answers[latest].busy = 1;
    return answers + latest;
}

// The words of a remembered answer; 0 where it is not known as yet.
static const u64 *remembered(u64 station, u64 call) {
    for (const struct answer *a = answers; a < answers + MAX_ANSWERS; a++)
        if (a->station == station && a->call == call)
            return a->busy ? 0 : a->words;
    return 0;
}

static void send(const struct header *to, const u64 *words, u64 page) {
    struct packet *p = packet_take();
    if (!p) {
        if (page)
            page_free(page);
        return; // as if it had got lost
    }
    p->page = page;
    p->header.bytes = page ? PAGE_BYTES : 0;
    p->header.protocol = PROTOCOL_DATAGRAM;
    p->header.from_port = NFS_PORT;
    p->header.to_port = to->from_port;
    p->header.to = to->from;
    memcpy(p->header.head, words, sizeof p->header.head);
    net_send(p);
}

// Does a call, unless it was done already; what is to be answered, if anything.
static int do_call(struct work *w) {
    const struct header *h = &w->call->header;
    u64 procedure = h->head[NFS_CALL] & NFS_PROCEDURE;
    struct answer *answer = 0;
    memcpy(w->words, h->head, sizeof w->words);
    if (procedure >= NFS_FIRST_CHANGE && !(answer = remember(h->from, h->head[NFS_CALL]))) {
        const u64 *words = remembered(h->from, h->head[NFS_CALL]);
        if (words)
            memcpy(w->words, words, sizeof w->words);
        return words != 0;
    }
    work(w, procedure);
    if (answer) {
        memcpy(answer->words, w->words, sizeof w->words);
        answer->busy = 0;
    }
    return 1;
}

static void serve(struct packet *call) {
    struct work w;
    w.call = call;
    w.page = 0;
    ANNOUNCE1(ANNOUNCE_SERVICE_ENTER, SERVICE_NFS_SERVER);
    int is_done = do_call(&w);
    net_enter();
    if (is_done)
        send(&call->header, w.words, w.page);
    packet_drop(call);
    until = timer_ticks() + MOURNING;
    net_leave();
    ANNOUNCE0(ANNOUNCE_SERVICE_EXIT);
}

static u64 count(u64 bits) {
    u64 n = 0;
    for (; bits; bits &= bits - 1)
        n++;
    return n;
}

// The next call; 0 when so many clients need nothing more, or the process has to go home.
static struct packet *next_call(u64 clients) {
    struct packet *call = 0;
    net_enter();
    while (!(call = queue_take(&own->received))) {
        int ends = count(gone) >= clients;
        if ((ends && timer_ticks() >= until) || sleep_on(&own, ends ? until : 0))
            break;
    }
    net_leave();
    return call;
}

// Serves this machine's files until so many others have used them and need nothing more.  -1 where nobody else is there.
i64 nfs_serve(u64 clients) {
    struct packet *call;
    net_enter();
    int failed = begin();
    net_leave();
    if (failed)
        return -1;
    while ((call = next_call(clients)))
        serve(call);
    return count(gone) >= clients ? 0 : -1;
}
