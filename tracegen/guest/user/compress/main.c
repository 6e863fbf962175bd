// compress BYTES ROUNDS: compresses a text of words in memory and gets it back, over and over.
//
// Words are of a vocabulary made by chance, the first ones the most frequent, so that the text has about a language's
// redundancy.  Each round has a text of its own.
#include "compress.h"

#define WORDS 4096
#define LONGEST 9

enum { COMPRESS = 1, DECOMPRESS };
MARKS("compress", "decompress");

static u8 words[WORDS][LONGEST + 1]; // each ends with a space

static void make_words(u64 *state) {
    for (u64 i = 0; i < WORDS; i++) {
        u64 letters = 1 + below(state, LONGEST);
        for (u64 k = 0; k < letters; k++)
            words[i][k] = (u8)('a' + below(state, 1 + below(state, 26)));
        words[i][letters] = ' ';
    }
}

static void make_text(u64 *state, u8 *text, u64 bytes) {
    for (u64 done = 0; done < bytes;) {
        const u8 *word = words[below(state, 1 + below(state, WORDS))];
        do
            text[done++] = *word;
        while (*word++ != ' ' && done < bytes);
    }
}

static u64 digest_of(const u8 *at, u64 bytes, u64 digest) {
    for (u64 i = 0; i < bytes; i++)
        digest = mix(digest, at[i]);
    return digest;
}

static int same(const u8 *a, const u8 *b, u64 bytes) {
    for (u64 i = 0; i < bytes; i++)
        if (a[i] != b[i])
            return 0;
    return 1;
}

int main(void) {
    u64 bytes = number_argument(1), rounds = number_argument(2), state = seeded(1), digest = DIGEST, packed = 0, wrong = 0;
    if (bytes == 0)
        stop("the text needs a byte", STATUS_USAGE);
    u8 *text = allocate(bytes), *small = allocate(2 * bytes + 8), *back = allocate(bytes);
    make_words(&state);
    for (u64 round = 0; round < rounds; round++) {
        make_text(&state, text, bytes);
        REGION_BEGIN(COMPRESS);
        u64 used = encode(text, bytes, small);
        REGION_END(COMPRESS);
        REGION_BEGIN(DECOMPRESS);
        u64 got = decode(small, back, bytes);
        REGION_END(DECOMPRESS);
        wrong += got != bytes || !same(text, back, bytes);
        digest = digest_of(small, used, digest);
        packed += used;
    }
    report("compress: %d bytes, %d rounds, %d compressed, digest %x, %d wrong\n", bytes, rounds, packed, digest, wrong);
    return wrong ? EXIT_WRONG : EXIT_OK;
}
