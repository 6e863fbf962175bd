// The index is made in memory, by counting, and written as lists of bytes.
#include "ir.h"

struct writer {
    struct file file;
    u64 offset;
    u8 *page; // fixed
};

static void write_byte(struct writer *to, u64 byte) {
    if (to->offset % PAGE_BYTES == 0) {
        if (to->page)
            unfix(to->page);
        to->page = fix(to->file, to->offset / PAGE_BYTES);
        changed(to->page);
    }
    to->page[to->offset++ % PAGE_BYTES] = (u8)byte;
}

static void write_number(struct writer *to, u64 number) {
    for (; number > 127; number >>= 7)
        write_byte(to, number & 127);
    write_byte(to, number | 128);
}

// A document's different words, each once with how often it occurs; `times` is 0 for every word, before and after.
static u64 distinct(const struct document *document, u8 *times, u32 *word) {
    u64 count = 0;
    for (u64 i = 0; i < document->length; i++)
        if (times[document->word[i]]++ == 0)
            word[count++] = document->word[i];
    return count;
}

static void count_documents(struct index *to, struct sizes sizes, struct document *document, u8 *times) {
    u32 word[MOST_LENGTH];
    for (u64 number = 0; number < sizes.documents; number++) {
        make_document(sizes, number, document);
        to->length[number] = (u8)document->length;
        for (u64 i = distinct(document, times, word); i-- > 0; times[word[i]] = 0)
            to->list[word[i]].documents++;
    }
}

// Puts the postings of all documents in the order of words; `place` is where a word's next one goes.
static void invert(struct sizes sizes, struct document *document, u8 *times, u32 *place, struct posting *posting) {
    u32 word[MOST_LENGTH];
    for (u64 number = 0; number < sizes.documents; number++) {
        make_document(sizes, number, document);
        for (u64 i = distinct(document, times, word); i-- > 0; times[word[i]] = 0)
            posting[place[word[i]]++] = (struct posting){number, times[word[i]]};
    }
}

static void write_lists(struct index *to, struct sizes sizes, const struct posting *posting) {
    struct writer writer = {to->file, 0, 0};
    for (u64 word = 0; word < sizes.words; word++) {
        to->list[word].offset = (u32)writer.offset;
        u64 before = 0;
        for (u64 i = 0; i < to->list[word].documents; i++, posting++) {
            write_number(&writer, posting->document - before);
            write_number(&writer, posting->count);
            before = posting->document;
        }
    }
    unfix(writer.page);
    flush_pool();
}

void build_index(struct index *to, struct sizes sizes) {
    struct document *document = allocate(sizeof *document);
    u8 *times = allocate(sizes.words);
    u32 *place = allocate(sizes.words * sizeof *place), postings = 0;
    to->file = new_file("postings");
    to->list = allocate(sizes.words * sizeof *to->list);
    to->length = allocate(sizes.documents);
    count_documents(to, sizes, document, times);
    for (u64 word = 0; word < sizes.words; postings += to->list[word++].documents)
        place[word] = postings;
    struct posting *posting = allocate(postings * sizeof *posting);
    invert(sizes, document, times, place, posting);
    write_lists(to, sizes, posting);
}

struct reader open_list(const struct index *index, u32 word) {
    const struct list *list = &index->list[word];
    return (struct reader){index->file, list->offset, list->documents, 0, 0};
}

static u64 read_byte(struct reader *from) {
    if (!from->page || from->offset % PAGE_BYTES == 0) {
        if (from->page)
            unfix(from->page);
        from->page = fix(from->file, from->offset / PAGE_BYTES);
    }
    return from->page[from->offset++ % PAGE_BYTES];
}

static u64 read_number(struct reader *from) {
    u64 number = 0, byte, shift = 0;
    while ((byte = read_byte(from)) < 128) {
        number |= byte << shift;
        shift += 7;
    }
    return number | (byte & 127) << shift;
}

int next_posting(struct reader *reader, struct posting *to) {
    if (reader->left == 0) {
        if (reader->page)
            unfix(reader->page);
        reader->page = 0;
        return 0;
    }
    reader->left--;
    reader->document += read_number(reader);
    *to = (struct posting){reader->document, read_number(reader)};
    return 1;
}
