"""Walks of page tables go through memory: one reference for each entry that is read, from the upper tables down.

``references`` entries are read, the last of them in a table of level 0, or 1 where ``large`` is 1.
"""

from __future__ import annotations

import numpy as np

from replay.jit import inline
from replay.memory import hooks

ONE = np.uint64(1)


@inline
def of_guest(at, page, references, large):
    """A walk of the guest's own tables for ``page``."""
    level = np.uint64(references) + np.uint64(large)
    for _ in range(references):
        level -= ONE
        hooks.read_table(at.memory, at, page, level)


@inline
def of_shadow(at, page, references, large):
    """A walk of the monitor's shadow tables for ``page``."""
    level = np.uint64(references) + np.uint64(large)
    for _ in range(references):
        level -= ONE
        hooks.read_shadow(at.memory, at, page, level)


@inline
def of_nested(at, frame, references, large):
    """A walk of the monitor's nested tables for ``frame``."""
    level = np.uint64(references) + np.uint64(large)
    for _ in range(references):
        level -= ONE
        hooks.read_nested(at.memory, at, frame, level)
