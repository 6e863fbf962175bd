"""What a guest kernel that knows its monitor does in place of sensitive instructions (Barham et al., SOSP 2003).

The virtual interrupt mask and the registers that the monitor only has to read lie in a page shared with it.  What the
monitor has to act on is a hypercall.  Some need neither: they run directly, or a row of their own tells what they did.
"""

from __future__ import annotations

import numpy as np

from replay import model
from replay.prepare import Sites
from replay.trace.schema import Sensitive

MASKING = (Sensitive.CLI, Sensitive.STI, Sensitive.PUSHF, Sensitive.POPF)
"""Loads and stores of the virtual interrupt mask."""

SHARED = (Sensitive.MFC0, Sensitive.MTC0, Sensitive.MOV_FROM_CR)
"""Loads and stores of other registers in the shared page."""

WAITING = (Sensitive.HLT, Sensitive.WAIT)
RETURNING = (Sensitive.IRET, Sensitive.ERET)
RUNNING = (Sensitive.CACHE, Sensitive.SWAPGS, Sensitive.RDTSC, Sensitive.RDPMC)
"""Privileged ones that the monitor lets run, or that its own entry does."""

UNPRIVILEGED = tuple(s for s in (*model.X86_UNPRIVILEGED, Sensitive.SYSRET) if s not in MASKING)
"""Those that cost bare hardware nothing by themselves either."""

TABLE_BASE = 3
"""Number of the control register whose writes BASE_SWITCH rows tell of."""

TOLD = (
    *(Sensitive.TLBR, Sensitive.TLBWI, Sensitive.TLBWR, Sensitive.TLBP, Sensitive.INVLPG, Sensitive.INVPCID),
    *(Sensitive.IN, Sensitive.OUT, Sensitive.INS, Sensitive.OUTS),
)
"""Those that a row of its own tells of, after them."""

GROUPS = (*MASKING, *SHARED, *WAITING, *RETURNING, *RUNNING, *UNPRIVILEGED, *TOLD)
ASKING = tuple(s for s in model.X86_PRIVILEGED if s not in (*GROUPS, Sensitive.MOV_TO_CR))
"""Hypercalls: descriptor tables, task and debug registers, model-specific registers, cache write-back."""


def asks(sites: Sites) -> np.ndarray:
    """By site: whether it writes a control register by a hypercall of its own, which a base switch is not; bool."""
    asking: np.ndarray = (sites.klass == Sensitive.MOV_TO_CR) & (sites.register != TABLE_BASE)
    asking[0] = False
    return asking
