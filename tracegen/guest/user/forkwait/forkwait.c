// forkwait CHILDREN: makes a process that ends at once and waits for it, over and over.
//
// Nothing but address spaces made, switched and destroyed: what Adams and Agesen measured the price of a shadowed page
// table with (ASPLOS 2006, section 6.3).  Each child ends with a status of its own, which proves that it ran.
#include "user.h"

#define STATUSES 64

int main(void) {
    u64 children = number_argument(1), wrong = 0;
    MARK_BEGIN();
    for (u64 i = 0; i < children; i++) {
        i64 child = sys_fork();
        if (child == 0)
            sys_exit(i % STATUSES);
        if (child < 0)
            stop("cannot fork", STATUS_NO_MEMORY);
        u64 status = 0;
        wrong += sys_wait(&status) != child || status != i % STATUSES;
    }
    MARK_END();
    print("forkwait: ");
    print_decimal(children);
    print(" children, ");
    print_decimal(wrong);
    print(" wrong\n");
    return wrong ? EXIT_WRONG : EXIT_OK;
}
