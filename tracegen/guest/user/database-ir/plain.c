// All queries without an index: each document is made again, and asked every query.
#include "ir.h"

// In how many documents each word is; `seen` is the last one that it was seen in, and 1.
static void count_documents(struct sizes sizes, struct document *document, u32 *in, u32 *seen) {
    for (u64 number = 0; number < sizes.documents; number++) {
        make_document(sizes, number, document);
        for (u64 i = 0; i < document->length; i++) {
            u32 word = document->word[i];
            in[word] += seen[word] != number + 1;
            seen[word] = (u32)number + 1;
        }
    }
}

void look_everywhere(struct sizes sizes, struct best (*best)[TOP]) {
    struct document *document = allocate(sizeof *document);
    struct query *query = allocate(sizes.queries * sizeof *query);
    u32 *in = allocate(sizes.words * sizeof *in), *times = allocate(sizes.words * sizeof *times);
    count_documents(sizes, document, in, times);
    memset(times, 0, sizes.words * sizeof *times);
    for (u64 i = 0; i < sizes.queries; i++)
        query[i] = make_query(sizes, i);
    for (u64 number = 0; number < sizes.documents; number++) {
        make_document(sizes, number, document);
        for (u64 i = 0; i < document->length; i++)
            times[document->word[i]]++;
        for (u64 i = 0; i < sizes.queries; i++) {
            u64 all = 0;
            for (u64 k = 0; k < query[i].terms; k++)
                if (times[query[i].word[k]])
                    all += times[query[i].word[k]] * weight(sizes.documents, in[query[i].word[k]]);
            if (all)
                rank(best[i], number, score(all, document->length));
        }
        for (u64 i = 0; i < document->length; i++)
            times[document->word[i]] = 0;
    }
}
