"""What a trace that begins in the middle says of a MIPS64 machine: its tables' entries, and what the TLBs hold."""

from __future__ import annotations

import numpy as np

from replay.jit import kernel
from replay.trace import schema
from replay.trace.schema import Kind
from tracegen.cpu import state as S
from tracegen.cpu.opening import tell_table
from tracegen.cpu.recorder import UNMAPPED_SPACE, extra, put
from tracegen.cpu.tables import record_entry
from tracegen.mips64 import state as M
from tracegen.mips64.cp0 import pair_page
from tracegen.mips64.entries import neutral_entry, neutral_half
from tracegen.mips64.translation import ASID_MASK, TLB_GLOBAL

TLB_WRITE, TLB_HELD = np.uint64(Kind.TLB_WRITE), np.uint64(schema.TLB_HELD)
ZERO, ONE, NINE, U12, U62 = (np.uint64(n) for n in (0, 1, 9, 12, 62))


@kernel
def tell_tables(core, first):
    """Tables and entries in the physical pages from ``first`` on; the page to go on from when there is room again."""
    s, frame = core.s, np.uint64(first)
    while frame < s[S.MEMORY_BYTES] >> U12 and s[S.POSITION] < s[S.ROW_LIMIT]:
        if tell_table(core, frame):
            for at in range(frame << NINE, (frame + ONE) << NINE):
                entry = core.ram8[np.uint64(at)]
                if entry != ZERO:
                    record_entry(core, frame, np.uint64(at), ZERO, neutral_entry(entry))
        frame += ONE
    return frame


@kernel
def tell_tlb(core, base):
    """A TLB_WRITE row for each entry that a guest wrote to the TLB of the vCPU whose words begin at ``base``."""
    s = core.s
    for index in range(M.TLB_ENTRIES):
        at = np.uint64(base) + np.uint64(index)
        hi = s[at + np.uint64(M.TLB_HI)]
        if hi >> U62 == ONE:  # as at power-on
            continue
        space = UNMAPPED_SPACE if hi & TLB_GLOBAL else s[np.uint64(base) + np.uint64(M.SPACE_OF) + (hi & ASID_MASK)]
        page = pair_page(core, hi, space)
        extra(core, neutral_half(s[at + np.uint64(M.TLB_LO0)]))
        extra(core, neutral_half(s[at + np.uint64(M.TLB_LO1)]))
        put(core, TLB_WRITE, np.uint64(index) | TLB_HELD, page)
