// echo WORD...: prints its arguments.
#include "user.h"

int main(void) {
    char word[ARGUMENT_BYTES];
    for (u64 i = 1; sys_getarg(i, word, sizeof word) >= 0; i++) {
        if (i > 1)
            print(" ");
        print(word);
    }
    print("\n");
    return EXIT_OK;
}
