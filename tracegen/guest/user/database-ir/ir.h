// database-ir: documents, an index of their words, and queries that want the best documents.
#pragma once
#include "database.h"

#define LEAST_LENGTH 40 // words of a document
#define MOST_LENGTH 160
#define MOST_TERMS 4 // of a query

// documents.c: made from their number alone
struct document {
    u64 length;
    u32 word[MOST_LENGTH];
};

struct query {
    u64 terms;
    u32 word[MOST_TERMS];
};

struct sizes {
    u64 documents, words, queries;
};

void make_document(struct sizes sizes, u64 number, struct document *to);
struct query make_query(struct sizes sizes, u64 number);

// How much a word that occurs in `in` of `documents` documents tells: 16 times the logarithm to base 2, and 1.
u64 weight(u64 documents, u64 in);
// What a document of that length scores with occurrences that weigh so much in all.
static inline u64 score(u64 weight, u64 length) {
    return weight * 1024 / (length + LEAST_LENGTH);
}

// index.c: for each word the documents that have it, in order, with how often: differences and counts by 7 bits, in a file
struct list {
    u32 offset, documents;
};

struct index {
    struct file file;
    struct list *list; // by word
    u8 *length;        // by document
};

void build_index(struct index *to, struct sizes sizes);

struct posting {
    u64 document, count;
};

struct reader {
    struct file file;
    u64 offset, left, document;
    const u8 *page; // fixed
};

struct reader open_list(const struct index *index, u32 word);
int next_posting(struct reader *reader, struct posting *to); // 0 after the last one

// search.c, and plain.c, which looks into every document
void open_search(struct sizes sizes);
void search(const struct index *index, struct sizes sizes, struct query query, struct best best[TOP]);
void look_everywhere(struct sizes sizes, struct best (*best)[TOP]); // for all queries
