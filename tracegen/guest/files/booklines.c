// Openings that are often played.
#include "othello.h"

const char *book_lines[] = {
    "f5d6c3d3c4f4e6",
    "f5d6c3d3c4f4c5b3c2",
    "f5d6c5f4e3c6d3f6e6d7",
    "f5d6c4d3c3f4f6b4c2",
    "f5d6c4g5f6f4",
    "f5d6c4b3b4f4f6g5",
    "f5f6e6f4g5e7e3g6",
    "f5f6e6f4e3d6g4d3c3h3c4",
    "f5f6e6d6e7g5c5",
    "f5f4e3f6d3c5d6",
    "f5d6c3g5c6c5",
    "f5d6c5f4d3g5",
};

int book_line_count = sizeof book_lines / sizeof book_lines[0];
