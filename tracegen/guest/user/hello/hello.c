// hello: says so.  What lmbench executes to see how long it takes to begin and end.
#include "user.h"

int main(void) {
    print("hello\n");
    return EXIT_OK;
}
