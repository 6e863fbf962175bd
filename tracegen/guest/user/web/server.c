// The server: processes that take turns at accepting, and answer one request of each connection.
#include "web.h"

static int write_number(i64 to, u64 bytes) {
    char text[NUMBER_BYTES + 1], *end = format_number(text, bytes, 10);
    *end++ = '\n';
    return sys_write(to, text, (u64)(end - text)) == end - text;
}

static int answer_page(i64 to, u64 n) {
    static char page[MOST_PAGE];
    u64 bytes = make_page(n, page);
    return write_number(to, bytes) && sys_write(to, page, bytes) == (i64)bytes;
}

static int answer_file(i64 to, const char *name) {
    static u8 chunk[CHUNK];
    struct stat stat;
    i64 file = sys_open(name, OPEN_READ), n;
    int right = sys_fstat(file, &stat) == 0 && write_number(to, stat.bytes);
    while (right && (n = sys_read(file, chunk, CHUNK)) > 0)
        right = sys_write(to, chunk, (u64)n) == n;
    return sys_close(file) == 0 && right;
}

// Reads a line without its newline; whether there was one.
static int read_line(i64 from, char *line) {
    for (u64 got = 0; got < LINE_BYTES;) {
        i64 n = sys_read(from, line + got, LINE_BYTES - got);
        if (n <= 0)
            return 0;
        got += (u64)n;
        if (line[got - 1] == '\n') {
            line[got - 1] = 0;
            return 1;
        }
    }
    return 0;
}

static int answer(i64 to, const char *name) {
    return *name == '?' ? answer_page(to, (u64)parse_number(name + 1)) : answer_file(to, name);
}

// Answers for ever; tells through `ends` who has ended, or 'x' for a request that could not be answered.
[[noreturn]] static void work(i64 listener, i64 ends) {
    for (;;) {
        char line[LINE_BYTES];
        i64 from = sys_accept(listener, 0);
        int right = from >= 0 && read_line(from, line), last = right && line[0] == 'E';
        MARK_BEGIN();
        right = right && (last || answer(from, line + 4));
        MARK_END();
        if (!right || last)
            write_all(ends, right ? "e" : "x", 1);
        sys_close(from);
    }
}

int serve_web(i64 listener, u64 workers, u64 clients) {
    i64 ends[2], worker[16];
    char what;
    u64 wrong = sys_pipe(ends) != 0;
    for (u64 i = 0; i < workers; i++) {
        worker[i] = sys_fork();
        if (worker[i] == 0)
            work(listener, ends[1]);
    }
    sys_close(listener);
    for (u64 ended = 0; ended < clients && !wrong; ended++)
        wrong += sys_read(ends[0], &what, 1) != 1 || what != 'e';
    for (u64 i = 0; i < workers; i++)
        sys_kill(worker[i], SIGNAL_TERM);
    report("web: %d clients served by %d workers, %d wrong\n", clients, workers, wrong);
    return wrong ? EXIT_WRONG : EXIT_OK;
}
