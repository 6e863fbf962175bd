// The files of another machine, which serves them (serve.c): their pages are in this one's buffer cache, and in processes
// that map them, like those of the disk.
//
// Kept is what NFS keeps, close-to-open consistency: who opens a file finds what was in it when a machine last closed it
// after writing.  What is written goes to its machine at the latest at close, msync, sync and the end of who mapped it.
// Left out: what happens when two machines write to one file at a time; and that a file which another machine removes
// stays for who has it open here.
#include "buffer.h"
#include "fs.h"
#include "nfs.h"

// The key of a page in the buffer cache.  A version's pages are those of one state of the file.
#define KEY_STATION 56
#define KEY_NUMBER 36
#define KEY_VERSION 12
#define KEY_VERSIONS (1UL << (KEY_NUMBER - KEY_VERSION))
#define MOST_PAGES (FS_DIRECT + FS_INDIRECT)

static_assert(MOST_PAGES < 1 << KEY_VERSION && FS_FILE_BYTES / FS_INODE_BYTES < 1 << (KEY_STATION - KEY_NUMBER), "keys are unique");

static u64 versions; // so many there were
static u64 stations; // by bit, that something is mounted of

static u64 station_of(const struct inode *inode) {
    return inode->number >> STATION_SHIFT;
}

static u64 number_there(const struct inode *inode) {
    return inode->number & ((1UL << STATION_SHIFT) - 1);
}

static u64 key(const struct inode *inode, u64 i) {
    return station_of(inode) << KEY_STATION | number_there(inode) << KEY_NUMBER | inode->version << KEY_VERSION | i;
}

static u64 pages_of(const struct inode *inode) {
    return (inode->disk.bytes + PAGE_BYTES - 1) / PAGE_BYTES;
}

static u64 new_version(void) {
    return versions++ % KEY_VERSIONS;
}

// Whether the call was not refused.  A server that was there, and is not any more, ends the machine.
static int call(u64 station, u64 *words, u64 page, u64 bytes, u64 *got) {
    if (rpc(station, words, page, bytes, got))
        panic("a file server does not answer", 0);
    return words[NFS_FILE] != 0;
}

// What an answer says of a file.  Where that has changed, its pages here are out of date.
static void note(struct inode *inode, const u64 *words) {
    if (inode->loaded && words[NFS_MODIFIED] == inode->stamp)
        return;
    inode->version = new_version();
    inode->stamp = inode->disk.modified = words[NFS_MODIFIED];
    inode->disk.bytes = inode->told = words[NFS_BYTES];
    inode->disk.directory = (u16)(words[NFS_KIND] >> NFS_DIRECTORY_SHIFT);
    inode->loaded = 1;
}

// Refers to the file that an answer is about.  What this machine writes is newer than what it hears of meanwhile.
static struct inode *known(u64 station, const u64 *words) {
    struct inode *inode = inode_get(station << STATION_SHIFT | words[NFS_FILE]);
    if (!inode->writers && (!inode->loaded || words[NFS_MODIFIED] >= inode->stamp))
        note(inode, words);
    if (!inode->hidden)
        inode->disk.links = (u16)words[NFS_KIND];
    return inode;
}

// A call about names.  Whether it was not refused.
static int call_names(const struct inode *directory, u64 *words, const char *name, const char *other) {
    u64 page = page_alloc();
    if (!page)
        return 0;
    struct nfs_names *names = KERNEL(page);
    memset(names, 0, sizeof *names);
    memcpy(names->name, name, strlen(name));
    memcpy(names->other, other, strlen(other));
    words[NFS_FILE] = number_there(directory);
    int done = call(station_of(directory), words, page, sizeof *names, 0);
    page_free(page);
    return done;
}

static void load(struct inode *inode) {
    u64 words[NET_HEAD_WORDS] = {NFS_ATTRIBUTES, number_there(inode)};
    if (call(station_of(inode), words, 0, 0, 0)) {
        note(inode, words);
        inode->disk.links = (u16)words[NFS_KIND];
    } else {
        memset(&inode->disk, 0, sizeof inode->disk);
    }
}

static void store(const struct inode *) {
}

static u64 block(const struct inode *inode, u64 i) {
    return i < pages_of(inode) ? key(inode, i) : 0;
}

static u64 add(struct inode *inode, u64 i) {
    if (i >= MOST_PAGES)
        return 0;
    buffer_release(buffer_fresh(key(inode, i)));
    return key(inode, i);
}

// What the machine says that has the file, after a change of this one's.
static void heed(struct inode *inode, const u64 *words) {
    inode->told = words[NFS_BYTES];
    if (words[NFS_MODIFIED] > inode->stamp)
        inode->stamp = inode->disk.modified = words[NFS_MODIFIED];
}

// The file of a page in the cache; 0 where nobody refers to it.
static struct inode *inode_of(const struct buffer *b) {
    return inode_find(b->block >> KEY_STATION << STATION_SHIFT | (b->block >> KEY_NUMBER & ((1 << (KEY_STATION - KEY_NUMBER)) - 1)));
}

static void locate(const struct buffer *b, u64 procedure, u64 *words) {
    words[NFS_CALL] = procedure;
    words[NFS_FILE] = b->block >> KEY_NUMBER & ((1 << (KEY_STATION - KEY_NUMBER)) - 1);
    words[NFS_INDEX] = b->block & ((1 << KEY_VERSION) - 1);
}

// Gets the content of a held buffer: the page that comes becomes the buffer's.  -1 where the file is no more.
int remote_read(struct buffer *b) {
    u64 words[NET_HEAD_WORDS] = {0}, page = 0;
    locate(b, NFS_READ, words);
    if (!call(b->block >> KEY_STATION, words, 0, 0, &page) || !page)
        return -1;
    page_free(buffer_exchange(b, page));
    return 0;
}

// Sends the content of a held buffer.
void remote_write(const struct buffer *b) {
    u64 words[NET_HEAD_WORDS] = {0};
    struct inode *inode = inode_of(b);
    locate(b, NFS_WRITE, words);
    words[NFS_SIZE] = inode ? inode->disk.bytes : 0;
    int done = call(b->block >> KEY_STATION, words, b->page, PAGE_BYTES, 0);
    inode = inode_of(b);
    if (inode && done)
        heed(inode, words);
    else if (inode)
        inode->failed = 1;
}

// A file that grew while its pages were under way may be longer than its machine knows.
static void tell_size(struct inode *inode) {
    u64 words[NET_HEAD_WORDS] = {NFS_WRITE, number_there(inode), 0, inode->disk.bytes};
    if (call(station_of(inode), words, 0, 0, 0))
        heed(inode, words);
    else
        inode->failed = 1;
}

static int flush(struct inode *inode) {
    for (u64 i = 0; !inode->hidden && i < pages_of(inode); i++)
        buffer_write_block(key(inode, i));
    if (inode->told < inode->disk.bytes && !inode->failed && !inode->hidden)
        tell_size(inode);
    int failed = inode->failed;
    inode->failed = 0;
    return failed ? -1 : 0;
}

static void forget_pages(struct inode *inode) {
    for (u64 i = 0; i < pages_of(inode); i++)
        buffer_forget(key(inode, i));
    inode->disk.bytes = 0;
}

static void truncate(struct inode *inode) {
    u64 words[NET_HEAD_WORDS] = {NFS_TRUNCATE, number_there(inode)};
    forget_pages(inode);
    if (call(station_of(inode), words, 0, 0, 0))
        heed(inode, words);
    else
        inode->failed = 1;
}

static struct inode *lookup(struct inode *directory, const char *name) {
    u64 words[NET_HEAD_WORDS] = {NFS_LOOKUP};
    return call_names(directory, words, name, "") ? known(station_of(directory), words) : 0;
}

// A directory whose names have changed is looked at again.
static struct inode *create(struct inode *directory, const char *name, int is_directory) {
    u64 words[NET_HEAD_WORDS] = {NFS_CREATE, 0, 0, 0, (u64)is_directory};
    int done = call_names(directory, words, name, "");
    directory->loaded = 0;
    return done ? known(station_of(directory), words) : 0;
}

static int remove_name(struct inode *directory, const char *name, int is_directory) {
    u64 words[NET_HEAD_WORDS] = {NFS_REMOVE, 0, 0, 0, (u64)is_directory};
    int done = call_names(directory, words, name, "");
    directory->loaded = 0;
    return done ? 0 : -1;
}

static int rename_name(struct inode *source, const char *from, struct inode *target, const char *to, int keep) {
    u64 words[NET_HEAD_WORDS] = {NFS_RENAME, 0, number_there(target), 0, (u64)keep};
    int done = call_names(source, words, from, to);
    source->loaded = target->loaded = 0;
    if (done)
        inode_put(known(station_of(source), words));
    return done ? 0 : -1;
}

static void name_hidden(const struct inode *inode, char *name) {
    memset(name, 0, FS_NAME_BYTES);
    memcpy(name, ".removed.", 9);
    format_number(name + 9, number_there(inode), 10);
}

// A file that is in use here has this name alone, which it loses: it gets one that nobody asks for, up to its last use.
static int needs_hiding(const struct inode *inode) {
    return inode->references > 1 && inode->disk.links == 1 && !inode->disk.directory && !inode->hidden;
}

static int hide(struct inode *directory, const char *name, struct inode *inode) {
    char hidden[FS_NAME_BYTES];
    name_hidden(inode, hidden);
    if (rename_name(directory, name, directory, hidden, 0))
        return -1;
    inode->hidden = directory->number;
    inode->disk.links = 0;
    return 0;
}

// Takes a file that was referred to the name, and gives up the reference.
static int take_name(struct inode *directory, const char *name, struct inode *inode) {
    int failed = needs_hiding(inode) ? hide(directory, name, inode) : remove_name(directory, name, 0);
    if (!failed && inode->disk.links)
        inode->disk.links--;
    inode_put(inode);
    return failed;
}

static int remove(struct inode *directory, const char *name, int is_directory) {
    struct inode *inode = is_directory ? 0 : lookup(directory, name);
    return inode ? take_name(directory, name, inode) : remove_name(directory, name, is_directory);
}

// The file that loses its name for another may be in use here.
static int rename(struct inode *source, const char *from, struct inode *target, const char *to, int keep) {
    struct inode *replaced = keep ? 0 : lookup(target, to), *moved = replaced ? lookup(source, from) : 0;
    int failed = replaced && !moved;
    if (moved && moved != replaced && needs_hiding(replaced))
        failed = hide(target, to, replaced);
    failed = failed || rename_name(source, from, target, to, keep);
    if (!failed && moved != replaced && replaced->disk.links)
        replaced->disk.links--;
    if (moved)
        inode_put(moved);
    if (replaced)
        inode_put(replaced);
    return failed ? -1 : 0;
}

// A file that was removed while in use goes now; else what was written to a mapped page, which no descriptor closed.
static void last(struct inode *inode) {
    char name[FS_NAME_BYTES];
    if (!inode->hidden) {
        if (inode->loaded && !inode->disk.directory)
            flush(inode);
        return;
    }
    struct inode *directory = inode_get(inode->hidden);
    forget_pages(inode);
    inode->hidden = inode->stamp = 0;
    inode->loaded = 0;
    name_hidden(inode, name);
    remove_name(directory, name, 0);
    inode_put(directory);
}

const struct file_system remote_system = {
    .load = load,
    .store = store,
    .last = last,
    .flush = flush,
    .block = block,
    .add = add,
    .truncate = truncate,
    .lookup = lookup,
    .create = create,
    .remove = remove,
    .rename = rename,
};

// Refers to the root of a station's files; 0 where it does not serve any.
struct inode *remote_mount(u64 station) {
    u64 words[NET_HEAD_WORDS] = {NFS_MOUNT, FS_ROOT};
    if (!station || station > net_stations() || station == net_station() || rpc_begin() || rpc(station, words, 0, 0, 0))
        return 0;
    stations |= 1UL << station;
    return words[NFS_FILE] ? known(station, words) : 0;
}

// Before the machine goes off: what was written is where it belongs, and servers know that nothing more will come.
void remote_finish(void) {
    if (stations)
        buffer_sync();
    for (u64 station = 1; stations >> station; station++) {
        u64 words[NET_HEAD_WORDS] = {NFS_UNMOUNT, FS_ROOT};
        if (stations >> station & 1)
            rpc(station, words, 0, 0, 0);
    }
}
