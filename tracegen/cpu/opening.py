"""What a trace that begins in the middle of a run says first: the state that its rows go on from.

The rows up to START tell of nothing that happens.  Spaces, tables and their entries come first, then for each vCPU the
space that is current, what its TLB holds, its thread and the services that are open; last, the request under way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from replay.jit import inline
from replay.trace.schema import OPENED_BY_EXCEPTION, REQUEST_WRITE, Kind
from tracegen.abi import PAGE_BYTES, Disk
from tracegen.cpu import state as S
from tracegen.cpu.buffers import Buffers
from tracegen.cpu.recorder import extra, put

TABLE_ALLOC, TABLE_LINK = np.uint64(Kind.TABLE_ALLOC), np.uint64(Kind.TABLE_LINK)
TABLE, FIRST_VPN = np.uint64(S.FRAME_TABLE), np.uint64(S.FRAME_FIRST_VPN)
LINKED = np.uint64(S.TABLE_LINKED)
LEVEL, FOUR, EIGHT, U32 = np.uint64(0xF), np.uint64(4), np.uint64(8), np.uint64(32)
NOBODY = 0xFFFF
"""No thread's number."""


@inline
def tell_table(core, frame):
    """TABLE_ALLOC and TABLE_LINK of the page table in a physical page; whether one is there."""
    table = core.frames[frame * FOUR + TABLE]
    if table == 0:
        return False
    level = table >> EIGHT & LEVEL
    put(core, TABLE_ALLOC, level, frame)
    if table & LINKED:
        extra(core, core.frames[frame * FOUR + FIRST_VPN])
        extra(core, table >> U32)
        put(core, TABLE_LINK, level, frame)
    return True


class Opening:
    """Writes the rows of a machine's state into its buffers."""

    def __init__(self, machine: Any, buffers: Buffers) -> None:
        self.machine, self.buffers, self.s = machine, buffers, machine.core.s

    def write(self, mark: int | None) -> None:
        """All of it; ``mark`` is the mark that has just begun, if one has."""
        s, bases = self.s, self.machine.bases()
        for space in self._spaces():
            self.buffers.row(Kind.SPACE_CREATE, 0, space)
        self._in_parts(self.machine.tell_tables)
        for base in bases:
            self.buffers.row(Kind.BASE_SWITCH, self.machine.asid(base), int(s[base + S.SPACE]), base)
            self._as_vcpu(base, self.machine.tell_tlb)
        running = {int(s[base + S.THREAD]) for base in bases}
        before = NOBODY
        for thread in range(S.THREADS):
            place = S.THREAD_STACKS + thread * S.THREAD_WORDS
            if thread not in running and s[place]:
                self._thread(bases[0], before, thread, s[place + 1 : place + 1 + int(s[place])])
                before = thread
        for base in bases:
            stack = s[base + S.STACK : base + S.STACK + int(s[base + S.DEPTH])]
            self._thread(base, before, int(s[base + S.THREAD]), stack)
            if not stack.size:
                self.buffers.row(Kind.SERVICE_EXIT, 0, 0, base)
            before = NOBODY
        self._request(bases[S.DEVICE_VCPU])
        if mark is not None:
            self.buffers.row(Kind.MARK_BEGIN, 0, mark)
        self.buffers.row(Kind.START, 0, 0)

    def _spaces(self) -> Iterable[int]:
        tables = self.machine.core.frames[S.FRAME_TABLE :: 4]
        spaces = {int(table) >> 32 for table in tables[tables & np.uint64(S.TABLE_LINKED) != 0]}
        return sorted(spaces - {0})

    def _in_parts(self, tell: Callable[[Any, int], int]) -> None:
        """Call ``tell`` with the physical page to go on from until all were looked at."""
        frame, frames = 0, self.machine.memory_bytes // PAGE_BYTES
        while frame < frames:
            frame = int(tell(self.buffers.core, frame))
            if self.s[S.POSITION] >= self.s[S.ROW_LIMIT]:
                self.buffers.flush()

    def _as_vcpu(self, base: int, tell: Callable[[Any, int], None]) -> None:
        """Let the rows that ``tell`` writes be those of the vCPU whose words begin at ``base``."""
        s = self.s
        kept = int(s[S.MODE]), int(s[S.VCPU_BITS])
        s[S.MODE], s[S.VCPU_BITS] = s[base + S.MODE], s[base + S.VCPU_BITS]
        tell(self.buffers.core, base)
        s[S.MODE], s[S.VCPU_BITS] = kept

    def _thread(self, base: int, before: int, thread: int, stack: np.ndarray) -> None:
        """A thread that goes on with these services open."""
        self.buffers.row(Kind.THREAD_SWITCH, before, thread, base)
        for service in stack.tolist():
            by_exception = OPENED_BY_EXCEPTION if service >> 32 else 0
            self.buffers.row(Kind.SERVICE_ENTER, by_exception, service, base)

    def _request(self, base: int) -> None:
        """The disk's request, as if asked for now: what is left of its time."""
        s = self.s
        if int(s[S.DISK_END]) == S.NEVER:
            return
        s[S.REQUEST_UNITS] = max(0, int(s[S.DISK_END]) - int(s[base + S.COUNT]) - int(s[base + S.IDLE_UNITS]))
        block = int(s[S.REQUEST_BLOCK])
        for part in (block, PAGE_BYTES, int(s[S.REQUEST_FRAME]), self._image(block)):
            self.buffers.payload(part, base)
        write = REQUEST_WRITE if s[S.REQUEST_COMMAND] == Disk.WRITE else 0
        self.buffers.row(Kind.REQUEST, write, int(s[S.REQUEST_ID]), base)

    def _image(self, block: int) -> int:
        """Id of the image that a block's content is of: 0 for one that the guest has written."""
        s = self.s
        return 0 if int(s[S.DISK_OWN + block // 64]) >> block % 64 & 1 else int(s[S.DISK_IMAGE])
