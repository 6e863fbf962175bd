// pmakes: builds side by side.  What its files share.
#pragma once
#include "workload.h"

#define MOST_TREES 8
#define MOST_PARTS 6

// trees.c: a tree is a directory with the sources as files of its own, and the programs as further names of theirs
void make_tree(u64 tree);
void enter_tree(u64 tree);                     // names begin there from here on
void clear_tree(u64 tree);                     // of what a build made
u64 differs(u64 tree, u64 other, const char *name); // whether two trees' files of that name are not the same
