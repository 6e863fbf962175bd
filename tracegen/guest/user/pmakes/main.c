// pmakes TREES PARTS JOBS: so many builds at once, each of so many parts of pmake's program in a directory of its own.
#include "pmakes.h"

const char *const parts[MOST_PARTS] = {"base.part", "play.part", "evaluate.part", "search.part", "game.part", "check.part"};

static struct {
    i64 process;
    u64 part; // that it makes
} build[MOST_TREES];

static u64 jobs;

static void start(u64 tree) {
    char line[64] = "pmake 0 1 ";
    const char *part = parts[build[tree].part];
    line[6] = (char)('0' + jobs);
    memcpy(line + strlen(line), part, strlen(part) + 1);
    build[tree].process = sys_fork();
    if (build[tree].process < 0)
        stop("no process for a build", STATUS_NO_MEMORY);
    if (build[tree].process)
        return;
    enter_tree(tree);
    sys_exec(line);
    stop("no program to build with", STATUS_USAGE);
}

// Waits for a part, and starts the tree's next one; whether it failed.
static u64 finish(u64 trees, u64 last) {
    u64 status = 1;
    i64 process = sys_wait(&status);
    for (u64 tree = 0; tree < trees; tree++)
        if (build[tree].process == process && !status && ++build[tree].part < last)
            start(tree);
    return status != 0;
}

// Makes parts 0 to last - 1 in all trees; how many could not be made.
static u64 build_all(u64 trees, u64 last) {
    u64 failed = 0;
    for (u64 tree = 0; tree < trees; tree++)
        start(tree);
    for (u64 made = 0; made < trees * last && !failed; made++)
        failed += finish(trees, last);
    return failed;
}

static u64 different(u64 trees, u64 last) {
    u64 wrong = 0;
    for (u64 tree = 1; tree < trees; tree++)
        for (u64 part = 0; part < last; part++)
            wrong += differs(0, tree, parts[part]);
    return wrong;
}

int main(void) {
    u64 trees = number_argument(1), last = number_argument(2);
    jobs = number_argument(3);
    if (trees < 1 || trees > MOST_TREES || last < 1 || last > MOST_PARTS || jobs < 1 || jobs > 2)
        stop("1 to 8 trees, 1 to 6 parts, 1 or 2 jobs", STATUS_USAGE);
    for (u64 tree = 0; tree < trees; tree++)
        make_tree(tree);
    MARK_BEGIN();
    u64 wrong = build_all(trees, last);
    MARK_END();
    if (!wrong)
        wrong = different(trees, last);
    report("pmakes: %d builds of %d parts, %d wrong\n", trees, last, wrong);
    return wrong ? EXIT_WRONG : EXIT_OK;
}
