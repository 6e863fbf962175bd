// pmakes TREES PARTS JOBS: so many builds at once, each of so many parts of pmake's program in a directory of its own, and all
// twice.  The second time is measured: by then what is read is in memory, and what was written before is on the disk.
#include "pmakes.h"

enum { BUILDS = MEASURED + 1 };
MARKS("pmake", "measured"); // pmake's own region, and all of them the second time

static const char *const parts[MOST_PARTS] = {"game.part", "base.part", "play.part",
                                              "evaluate.part", "search.part", "check.part"}; // by the Makefile's numbers

static void start(u64 tree, u64 last, u64 jobs) {
    char line[] = "pmake 0 1 0";
    line[6] = (char)('0' + jobs);
    line[10] = (char)('0' + last);
    i64 process = sys_fork();
    if (process < 0)
        stop("no process for a build", STATUS_NO_MEMORY);
    if (process)
        return;
    enter_tree(tree);
    sys_exec(line);
    stop("no program to build with", STATUS_USAGE);
}

// How many builds failed.
static u64 build_all(u64 trees, u64 last, u64 jobs) {
    u64 failed = 0, status;
    for (u64 tree = 0; tree < trees; tree++)
        start(tree, last, jobs);
    for (u64 tree = 0; tree < trees; tree++)
        failed += sys_wait(&status) < 0 || status;
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
    u64 trees = number_argument(1), last = number_argument(2), jobs = number_argument(3);
    if (trees < 1 || trees > MOST_TREES || last < 1 || last > MOST_PARTS || jobs < 1 || jobs > 2)
        stop("1 to 8 trees, 1 to 6 parts, 1 or 2 jobs", STATUS_USAGE);
    for (u64 tree = 0; tree < trees; tree++)
        make_tree(tree);
    u64 wrong = build_all(trees, last, jobs);
    for (u64 tree = 0; tree < trees; tree++)
        clear_tree(tree);
    sys_sync();
    REGION_BEGIN(BUILDS);
    wrong += build_all(trees, last, jobs);
    REGION_END(BUILDS);
    if (!wrong)
        wrong = different(trees, last);
    report("pmakes: %d builds of %d parts, %d wrong\n", trees, last, wrong);
    return wrong ? EXIT_WRONG : EXIT_OK;
}
