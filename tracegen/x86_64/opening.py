"""What a trace that begins in the middle says of an x86-64 machine: its tables' entries."""

from __future__ import annotations

import numpy as np

from replay.jit import kernel
from tracegen.cpu.opening import EIGHT, FOUR, LEVEL, TABLE, tell_table
from tracegen.cpu.tables import record_entry
from tracegen.x86_64 import state as S
from tracegen.x86_64.entries import neutral_entry

ZERO, ONE, NINE, U12 = (np.uint64(n) for n in (0, 1, 9, 12))


@kernel
def tell_tables(core, first):
    """Tables and entries in the physical pages from ``first`` on; the page to go on from when there is room again."""
    s, frame = core.s, np.uint64(first)
    while frame < s[S.MEMORY_BYTES] >> U12 and s[S.POSITION] < s[S.ROW_LIMIT]:
        if tell_table(core, frame):
            level = core.frames[frame * FOUR + TABLE] >> EIGHT & LEVEL
            for at in range(frame << NINE, (frame + ONE) << NINE):
                new = neutral_entry(core.ram8[np.uint64(at)], level)
                if new != ZERO:
                    record_entry(core, frame, np.uint64(at), ZERO, new)
        frame += ONE
    return frame
