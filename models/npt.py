"""Nested page tables of AMD's second generation: as ``ept``, in other hardware.

Mechanism     As that of ``ept``, which see: walks in two dimensions, no exits for the guest's own translations, an exit
              at the first touch of a frame that the nested tables lack.  The control block (VMCB) lies in memory, so
              that reading it takes no instructions of its own, and the end of an interrupt exits.  The machine is the
              Opteron that nested paging was first published for: a nested TLB of 16 frames, which no flush of the
              guest's empties, and tags for virtual machines (ASID).
Not modelled  That processor has one walk cache of 24 entries for all levels of both dimensions but the last, asked for
              each entry that a walk comes to; here the 24 are divided among the levels, and the deepest that is found
              skips those above it.  And what ``ept`` leaves out.
Also called   NPT; rapid virtualization indexing (RVI), AMD-V nested paging, two-dimensional paging.
References    Bhargava, Serebrin, Spadini, Manne, "Accelerating two-dimensional page walks for virtualized systems",
              ASPLOS 2008, sections 2 to 4 and Table 2.
"""

from __future__ import annotations

from dataclasses import replace

from models import ept
from replay.cpu import exits
from replay.model import price

EXIT = price("vm_exit")

COSTS = {
    **ept.COSTS,
    "ept_violation": EXIT + price("nested_fill"),
    **exits.costs(EXIT),
}

MODEL = replace(
    ept.MODEL,
    name="npt",
    summary="nested page tables: the hardware walks in two dimensions (AMD; Bhargava et al., ASPLOS 2008)",
    costs=COSTS,
    machine={"x86-64": "opteron-2008", "mips64": "opteron-2008"},
)
