"""Address spaces by number: those with pages in the trace in ascending order, and one past the last for any other."""

from __future__ import annotations

import numpy as np

from replay.jit import inline

ONE = np.uint64(1)


@inline
def number_of(spaces, space):
    """The number of ``space``; ``spaces`` are those with pages in the trace, ascending."""
    low, high = np.uint64(0), np.uint64(spaces.size)
    while low < high:
        middle = (low + high) >> ONE
        if spaces[middle] < space:
            low = middle + ONE
        else:
            high = middle
    known = low < np.uint64(spaces.size) and spaces[low] == space
    return low if known else np.uint64(spaces.size)
