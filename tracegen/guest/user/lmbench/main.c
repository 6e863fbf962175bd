// lmbench OPERATION ROUNDS: the operation with this number, or all of them for 0.
#include "lmbench.h"

#define NAME(function, name) name,
MARKS(OPERATIONS(NAME));
#undef NAME

#define POINTER(function, name) function,
static u64 (*const operations[])(u64 mark, u64 rounds) = {OPERATIONS(POINTER)};
#undef POINTER

#define COUNT (sizeof operations / sizeof *operations)

static u64 perform(u64 mark, u64 rounds) {
    u64 wrong = operations[mark - 1](mark, rounds);
    if (wrong)
        report("lmbench: %s: %d of %d went wrong\n", mark_names[mark - 1], wrong, rounds);
    return wrong;
}

int main(void) {
    u64 operation = number_argument(1), rounds = number_argument(2), wrong = 0;
    if (operation > COUNT || rounds == 0)
        stop("no such operation, or no rounds", STATUS_USAGE);
    i64 file = sys_open(FILE_NAME, OPEN_WRITE | OPEN_CREATE);
    write_all(file, FILE_NAME, sizeof FILE_NAME);
    sys_close(file);
    for (u64 mark = 1; mark <= COUNT; mark++)
        if (operation == 0 || operation == mark)
            wrong += perform(mark, rounds);
    wrong += sys_unlink(FILE_NAME) != 0;
    report("lmbench: %d operations, %d rounds, %d wrong\n", operation ? 1 : COUNT, rounds, wrong);
    return wrong ? EXIT_WRONG : EXIT_OK;
}
