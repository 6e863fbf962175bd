// Files of the disk that servers are asked for, from small ones to big ones.
#include "workload.h"

const char *const served[SERVED] = {"bits.h", "board.c", "edges.c", "hash.c", "Makefile", "alphabeta.c", "expected.txt", "cc"};
