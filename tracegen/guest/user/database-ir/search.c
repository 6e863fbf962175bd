// A query by the index, word after word: what each document has collected so far stands in a table.
#include "ir.h"

static u32 *collected;    // by document
static u32 *found, count; // the documents that have something

void open_search(struct sizes sizes) {
    collected = allocate(sizes.documents * sizeof *collected);
    found = allocate(sizes.documents * sizeof *found);
}

static void collect(const struct index *index, struct sizes sizes, u32 word) {
    struct reader reader = open_list(index, word);
    struct posting posting;
    u64 each = reader.left ? weight(sizes.documents, reader.left) : 0;
    while (next_posting(&reader, &posting)) {
        if (collected[posting.document] == 0)
            found[count++] = (u32)posting.document;
        collected[posting.document] += (u32)(each * posting.count);
    }
}

void search(const struct index *index, struct sizes sizes, struct query query, struct best best[TOP]) {
    for (u64 i = 0; i < query.terms; i++)
        collect(index, sizes, query.word[i]);
    while (count) {
        u32 document = found[--count];
        rank(best, document, score(collected[document], index->length[document]));
        collected[document] = 0;
    }
}
