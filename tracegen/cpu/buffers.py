"""The row buffers of a recorded run, in a ring: one fills while the sink reads those filled before."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from replay.jit import Held
from replay.trace.schema import Kind
from tracegen.cpu import state as S
from tracegen.cpu.state import Core

Sink = Callable[[np.ndarray, np.ndarray], None]
"""Takes (words u64, counts u8) of each filled chunk.  A sink may read one until the last of its next ``AHEAD`` calls
returns, so it can hand chunks to a thread and wait there for the oldest of them."""
AHEAD = 3
"""Chunks that may wait for the sink's thread: some take it longer than the guest, others less."""


class Buffers:
    """The row buffers of a recorded run, and the way to the sink.  ``held`` is what the loop is called with."""

    def __init__(self, core: Core, sink: Sink | None) -> None:
        self._sink, self._at = sink, 0
        self._ring = [Held(core)]
        if sink:
            core.counts[:] = 0  # of a run before
        self.held = self._ring[0]

    @property
    def core(self) -> Core:
        """The machine's state, with the buffer that is being filled."""
        state: Core = self.held.state
        return state

    def flush(self) -> None:
        """Give the filled rows to the sink and go on in the buffer that was filled longest ago."""
        s = self.core.s
        filled = int(s[S.POSITION])
        s[S.POSITION] = 0
        if self._sink is None or not filled:
            return
        rows, counts = self.core.rows, self.core.counts
        self._at = (self._at + 1) % (AHEAD + 1)
        if self._at == len(self._ring):  # a short run never needs it
            self._ring.append(Held(_with_rows_of_its_own(self.core)))
        self.held = self._ring[self._at]
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


def _with_rows_of_its_own(core: Core) -> Core:
    return core._replace(rows=np.zeros(core.rows.shape, np.uint64), counts=np.zeros(core.counts.shape, np.uint8))
