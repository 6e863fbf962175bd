// database-ir DOCUMENTS WORDS QUERIES FRAMES: an index of so many documents, made of so many different words, in a file that
// is read through a pool of so many pages; ranked queries.
#include "ir.h"

#define MOST_DOCUMENTS 16000 // whose index is a file of the largest size, nearly
#define LEAST_WORDS 1024
#define LEAST_FRAMES 8

enum mark { INDEX = 1, SEARCH };
MARKS("index", "search");

int main(void) {
    struct sizes sizes = {number_argument(1), number_argument(2), number_argument(3)};
    u64 frames = number_argument(4), digest = DIGEST, wrong = 0;
    if (sizes.documents == 0 || sizes.documents > MOST_DOCUMENTS || sizes.words < LEAST_WORDS || frames < LEAST_FRAMES)
        stop("from 1 to 16000 documents, 1024 words and 8 pages at least", STATUS_USAGE);
    open_pool(frames, 0);
    struct index *index = allocate(sizeof *index);
    REGION_BEGIN(INDEX);
    build_index(index, sizes);
    REGION_END(INDEX);
    open_search(sizes);
    u64 answers = sizes.queries * TOP;
    struct best(*found)[TOP] = allocate(answers * sizeof(struct best));
    struct best(*right)[TOP] = allocate(answers * sizeof(struct best));
    REGION_BEGIN(SEARCH);
    for (u64 i = 0; i < sizes.queries; i++)
        search(index, sizes, make_query(sizes, i), found[i]);
    REGION_END(SEARCH);
    look_everywhere(sizes, right);
    for (u64 i = 0; i < answers; i++) {
        struct best here = found[i / TOP][i % TOP], there = right[i / TOP][i % TOP];
        digest = mix(mix(digest, here.number), here.points);
        wrong += here.number != there.number || here.points != there.points;
    }
    report("database-ir: %d documents, %d queries, digest %x, %d wrong\n", sizes.documents, sizes.queries, digest, wrong);
    return wrong ? EXIT_WRONG : EXIT_OK;
}
