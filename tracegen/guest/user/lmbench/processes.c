// A process that does nothing, one that becomes another program, and one that a shell makes: made, ended, waited for.
#include "lmbench.h"

// The region is the parent's and, being made within it, the child's.
static u64 make(u64 mark, u64 rounds, const char *line) {
    u64 wrong = 0;
    for (u64 i = 0; i < rounds; i++) {
        u64 status = STATUS_USAGE;
        REGION_BEGIN(mark);
        i64 child = sys_fork();
        if (child == 0) {
            sys_close(1);
            if (line)
                sys_exec(line);
            sys_exit(line ? STATUS_USAGE : EXIT_OK);
        }
        i64 ended = sys_wait(&status);
        REGION_END(mark);
        wrong += child < 0 || ended != child || status != EXIT_OK;
    }
    return wrong;
}

u64 fork_process(u64 mark, u64 rounds) {
    return make(mark, rounds, 0);
}

u64 exec_process(u64 mark, u64 rounds) {
    return make(mark, rounds, "hello");
}

u64 sh_process(u64 mark, u64 rounds) {
    return make(mark, rounds, "sh hello");
}
