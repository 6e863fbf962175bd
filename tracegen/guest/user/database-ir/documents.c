// Documents and queries by chance.  How often a word occurs falls with its number, about as in Zipf's law.
#include "ir.h"

#define DOCUMENT_SEED 1000000UL
#define QUERY_SEED 2000000UL
#define OCTAVES 10 // of frequency

static u32 some_word(u64 *random, u64 words) {
    u64 reach = words >> below(random, OCTAVES);
    return (u32)below(random, reach);
}

void make_document(struct sizes sizes, u64 number, struct document *to) {
    u64 random = seeded(DOCUMENT_SEED + number);
    to->length = LEAST_LENGTH + below(&random, MOST_LENGTH - LEAST_LENGTH + 1);
    for (u64 i = 0; i < to->length; i++)
        to->word[i] = some_word(&random, sizes.words);
}

struct query make_query(struct sizes sizes, u64 number) {
    u64 random = seeded(QUERY_SEED + number);
    struct query query;
    query.terms = 1 + below(&random, MOST_TERMS);
    for (u64 i = 0; i < MOST_TERMS; i++)
        query.word[i] = some_word(&random, sizes.words);
    return query;
}

// 16 times the logarithm of a number from 1 to 2^31, rounded down: a square doubles it.
static u64 logarithm(u64 of) {
    u64 whole = 63 - (u64)__builtin_clzl(of), mantissa = of << (31 - whole), found = whole;
    for (u64 bit = 0; bit < 4; bit++) {
        mantissa = mantissa * mantissa >> 31;
        u64 above = mantissa >> 32;
        mantissa >>= above;
        found = found * 2 + above;
    }
    return found;
}

u64 weight(u64 documents, u64 in) {
    return 1 + logarithm(documents) - logarithm(in);
}
