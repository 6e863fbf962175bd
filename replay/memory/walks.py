"""Walks of page tables go through memory: one reference for each entry that is read, from the upper tables down."""

from __future__ import annotations

import numpy as np

from replay.jit import inline

ONE = np.uint64(1)


@inline
def walk(read, at, what, references, large):
    """A walk to ``what``, a page or a frame, in the tables that the hook ``read`` of memory reads.

    ``references`` entries are read, the last of them in a table of level 0, or 1 where ``large`` is 1.
    """
    level = np.uint64(references) + np.uint64(large)
    for _ in range(references):
        level -= ONE
        read(at.memory, at, what, level)
