"""The two row buffers of a recorded run: one fills while the sink reads the other."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from replay.jit import Held
from replay.trace.schema import Kind
from tracegen.cpu import state as S
from tracegen.cpu.state import Core

Sink = Callable[[np.ndarray, np.ndarray], None]
"""Takes (words u64, counts u8) of each filled chunk.  Two buffers alternate: a sink may read a chunk until its *next*
call returns, so it can hand a chunk to a thread and wait for that thread in its next call."""


class Buffers:
    """The two row buffers of a recorded run, and the way to the sink.  ``held`` is what the loop is called with."""

    def __init__(self, core: Core, sink: Sink | None) -> None:
        self.core, self.held, self._sink = core, Held(core), sink
        if sink:
            core.counts[:] = 0  # of a run before
            self._other = (np.zeros_like(core.rows), np.zeros_like(core.counts))

    def flush(self) -> None:
        """Give the filled rows to the sink and go on in the other buffer."""
        s = self.core.s
        filled = int(s[S.POSITION])
        s[S.POSITION] = 0
        if self._sink is None or not filled:
            return
        rows, counts = self.core.rows, self.core.counts
        self.core = self.core._replace(rows=self._other[0], counts=self._other[1])
        self.held = Held(self.core)
        self._other = (rows, counts)
        self._sink(rows[:filled], counts[:filled])
        # The loop writes n only where it is not 0, so a buffer starts out all zeroes.
        self.core.counts[:] = 0

    def row(self, kind: Kind, info: int, page: int, base: int = 0) -> None:
        """Append a row, if any are recorded, of the vCPU whose words begin at ``base``; it counts no instructions."""
        if self._sink is None:
            return
        s = self.core.s
        at = int(s[S.POSITION])
        context = int(s[base + S.MODE]) << 12 | int(s[base + S.VCPU_BITS])
        self.core.rows[at] = int(kind) | context | (info & 0xFFFF) << 16 | (page & 0xFFFFFFFF) << 32
        s[S.POSITION] = at + 1
        if s[S.POSITION] >= s[S.ROW_LIMIT]:
            self.flush()

    def payload(self, payload: int, base: int = 0) -> None:
        """Append 48 payload bits of the row to come."""
        self.row(Kind.EXTRA, payload >> 32, payload, base)

    def finish(self, complete: bool) -> None:
        """Append the END row and give the last rows to the sink."""
        if self._sink is None:
            return
        s = self.core.s
        for vcpu in range(int(s[S.VCPUS])):
            if vcpu != s[S.VCPU]:
                self._finish_parked(S.PARKED + vcpu * S.PARKED_WORDS)
        self._put(0, int(Kind.END) | (not complete) << 16)
        self.flush()

    def _finish_parked(self, base: int) -> None:
        """Say what a vCPU that does not run retired since its last row, by a row that changes nothing."""
        s = self.core.s
        depth = int(s[base + S.DEPTH])
        if s[base + S.COUNT] != s[base + S.LAST]:
            current = int(s[base + S.STACK + depth - 1]) & 0xFFFFFFFF if depth else 0
            self._put(base, int(Kind.SERVICE_EXIT) | current << 32)

    def _put(self, base: int, row: int) -> None:
        """Append a row of the vCPU whose words begin at ``base``, with what it retired since its last one."""
        s = self.core.s
        at = int(s[S.POSITION])
        self.core.rows[at] = row | int(s[base + S.MODE]) << 12 | int(s[base + S.VCPU_BITS])
        self.core.counts[at] = int(s[base + S.COUNT] - s[base + S.LAST])
        s[S.POSITION], s[base + S.LAST] = at + 1, s[base + S.COUNT]
