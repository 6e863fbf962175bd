// A client: asks for one file or page after another, and compares what it gets with its own.
#include "web.h"

static u8 got[CHUNK], own[CHUNK];

// The number before the first newline that comes.
static u64 read_number(i64 from) {
    u64 value = 0;
    char digit;
    while (sys_read(from, &digit, 1) == 1 && digit != '\n')
        value = value * 10 + (u64)(digit - '0');
    return value;
}

// Compares bytes that come with those that are there; adds them to the digest.
static int compare(i64 from, const u8 *expected, u64 bytes, struct outcome *outcome) {
    if (!read_all(from, got, bytes))
        return 0;
    for (u64 i = 0; i < bytes; i++) {
        if (got[i] != expected[i])
            return 0;
        outcome->digest = mix(outcome->digest, got[i]);
    }
    outcome->work += bytes;
    return 1;
}

static int check_file(i64 from, const char *name, struct outcome *outcome) {
    i64 file = sys_open(name, OPEN_READ), n;
    struct stat stat;
    int right = sys_fstat(file, &stat) == 0 && read_number(from) == stat.bytes;
    while (right && (n = sys_read(file, own, CHUNK)) > 0)
        right = compare(from, own, (u64)n, outcome);
    return sys_close(file) == 0 && right;
}

static int check_page(i64 from, u64 n, struct outcome *outcome) {
    static char page[MOST_PAGE];
    u64 bytes = make_page(n, page);
    int right = read_number(from) == bytes;
    for (u64 at = 0; right && at < bytes; at += CHUNK)
        right = compare(from, (u8 *)page + at, bytes - at < CHUNK ? bytes - at : CHUNK, outcome);
    return right;
}

static int send_line(i64 to, const char *word, const char *name) {
    char line[LINE_BYTES], *at = line;
    for (; *word; word++)
        *at++ = *word;
    for (; *name; name++)
        *at++ = *name;
    *at++ = '\n';
    return sys_write(to, line, (u64)(at - line)) == at - line;
}

// Small files are asked for more often than big ones, as the smaller of two numbers by chance has it.
static int ask(i64 server, u64 *state, u64 made, struct outcome *outcome) {
    char byte, name[NUMBER_BYTES + 1] = "?";
    if (below(state, 100) < made) {
        u64 n = below(state, PAGES);
        format_number(name + 1, n, 10);
        return send_line(server, "GET ", name) && check_page(server, n, outcome) && sys_read(server, &byte, 1) == 0;
    }
    u64 a = below(state, SERVED), b = below(state, SERVED);
    const char *file = served[a < b ? a : b];
    return send_line(server, "GET ", file) && check_file(server, file, outcome) && sys_read(server, &byte, 1) == 0;
}

void ask_web(u64 station, u64 seed, u64 requests, u64 made, struct outcome *outcome) {
    u64 state = seeded(seed);
    outcome->digest = DIGEST;
    for (u64 i = 0; i < requests; i++) {
        i64 server = call_server(station, PORT, MTU);
        outcome->wrong += !ask(server, &state, made, outcome) || sys_close(server) != 0;
    }
    i64 server = call_server(station, PORT, MTU);
    outcome->wrong += !send_line(server, "END", "") || sys_close(server) != 0;
}
