// bytecode ROUNDS: compiles a program to bytecode, links it and has it interpreted; its answer is known.
#include "bytecode.h"

enum { INTERPRET = 1 };
MARKS("interpret");

#define ANSWER_BYTES 32

static void write_source(u64 rounds) {
    char digits[NUMBER_BYTES];
    i64 file = sys_open("bench.c", OPEN_WRITE | OPEN_CREATE | OPEN_TRUNCATE);
    format_number(digits, rounds, 10);
    write_all(file, "#define ROUNDS ", 15);
    write_all(file, digits, strlen(digits));
    write_all(file, "\n", 1);
    write_all(file, program_source, strlen(program_source));
    sys_close(file);
}

// Runs a command with its output where `output` leads, 1 for where this program's goes.
static i64 begin(const char *command, i64 output) {
    i64 child = sys_fork();
    if (child < 0)
        stop("cannot fork", STATUS_NO_MEMORY);
    if (child == 0) {
        if (output != 1)
            sys_dup2(output, 1);
        sys_exec(command);
        stop("a program is not there", STATUS_USAGE);
    }
    return child;
}

static void finish(i64 child) {
    u64 status = EXIT_WRONG;
    if (sys_wait(&status) != child || status != EXIT_OK)
        stop("a command failed", EXIT_WRONG);
}

// The number that the program prints; -1 for none.
static i64 interpret(void) {
    static char text[ANSWER_BYTES];
    i64 ends[2];
    if (sys_pipe(ends))
        stop("no pipe", STATUS_NO_MEMORY);
    REGION_BEGIN(INTERPRET);
    i64 child = begin("interp bench", ends[1]);
    sys_close(ends[1]);
    i64 n = sys_read(ends[0], text, sizeof text - 1);
    finish(child);
    REGION_END(INTERPRET);
    sys_close(ends[0]);
    return n > 0 ? parse_number(text) : -1;
}

int main(void) {
    u64 rounds = number_argument(1);
    write_source(rounds);
    finish(begin("cc bench.c bench.o", 1));
    finish(begin("ld bench bench.o", 1));
    i64 found = interpret();
    int wrong = found != (i64)answer(rounds);
    wrong += sys_unlink("bench.c") | sys_unlink("bench.o") | sys_unlink("bench") ? 1 : 0;
    report("interp: %d rounds, answer %d, %d wrong\n", rounds, (u64)found, (u64)wrong);
    return wrong ? EXIT_WRONG : EXIT_OK;
}
