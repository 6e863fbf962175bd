// pmake JOBS BUILDS [TARGET]: makes the target, or the Makefile's first one, with so many commands at a time, and so many times
// from nothing.  The last time is measured: by then what it reads is in memory.
#include "pmake.h"

int main(void) {
    char name[ARGUMENT_BYTES];
    u64 jobs = number_argument(1), builds = number_argument(2);
    if (jobs < 1 || jobs > MAX_JOBS)
        stop("jobs should be from 1 to 8", STATUS_USAGE);
    if (builds < 1)
        stop("one build at least", STATUS_USAGE);
    parse();
    i64 length = argument(3, name, sizeof name);
    struct target *goal = length > 0 ? target_of(name, (u64)length) : targets;
    if (!goal)
        fail("the Makefile makes nothing");
    struct target *first = plan(goal);
    for (u64 build = 1; build < builds; build++) {
        run(first, jobs);
        unmake(first);
    }
    MARK_BEGIN();
    u64 commands = run(first, jobs);
    MARK_END();
    print("pmake: ");
    print(goal->name);
    if (commands) {
        print(" is made: ");
        print_decimal(commands);
        print(" commands\n");
    } else {
        print(" is up to date\n");
    }
    return EXIT_OK;
}
