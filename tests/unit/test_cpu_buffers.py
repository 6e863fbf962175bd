"""The row buffers of a recorded run: a sink may take its time over a chunk while others fill."""

from __future__ import annotations

import numpy as np

from replay.trace.schema import Kind
from tracegen.cpu import state as S
from tracegen.cpu.buffers import AHEAD, Buffers
from tracegen.cpu.state import new_core


def test_a_chunk_stays_as_it_is_for_the_calls_after_it() -> None:
    """What a sink got is untouched until the last of its next AHEAD calls, and then its buffer fills again, zeroed."""
    core, _ = new_core(1 << 20, 256, 1024, 1)
    core.s[S.VCPUS], core.s[S.ROW_LIMIT] = 1, S.ROWS
    given: list[tuple[np.ndarray, np.ndarray]] = []
    buffers = Buffers(core, lambda words, counts: given.append((words, counts)))
    for chunk in range(AHEAD + 1):
        buffers.row(Kind.MARK_BEGIN, 0, chunk)
        buffers.core.counts[0] = 1 + chunk
        buffers.flush()
    pages = [int(words[0] >> np.uint64(32)) for words, _ in given]
    counts = [int(count[0]) for _, count in given]

    assert (list(range(AHEAD + 1)), [0, *range(2, AHEAD + 2)]) == (pages, counts)
    assert buffers.core.rows is core.rows
