"""Places in ``Core.s`` that a MIPS64 CPU alone has: CP0, the TLB, what its ASIDs stand for."""

from __future__ import annotations

from enum import IntEnum

from tracegen.cpu.state import ARCH

CP0 = ARCH
INDEX, RANDOM, ENTRY_LO0, ENTRY_LO1, CONTEXT_REGISTER, PAGE_MASK, WIRED = range(CP0, CP0 + 7)
BAD_VADDR, COUNT_REGISTER, ENTRY_HI, COMPARE, STATUS, CAUSE, EPC, PRID, CONFIG, LL_ADDR = range(CP0 + 8, CP0 + 18)
XCONTEXT, ERROR_EPC = CP0 + 20, CP0 + 30

RANDOM_STATE, FAULT_REFILL, FAULT_UNIT = range(CP0 + 32, CP0 + 35)
"""State of the generator that chooses TLB victims; of an exception about to be taken: 1 for a TLB miss, coprocessor
number."""
UTLB_REFILLS, NESTED_REFILLS, WRITTEN_PAGE_MASK = range(CP0 + 36, CP0 + 39)
"""Statistics; the last non-zero value written to PageMask, which this CPU does not support."""

TLB_HI, TLB_LO0, TLB_LO1 = ARCH + 64, ARCH + 128, ARCH + 192
TLB_ENTRIES = 64
SPACE_OF = ARCH + 256
"""256 places: the address space that each ASID stands for."""

FRAME_SLOT_BLOCK = 3
"""In ``Core.frames``: the micro-op of the block that runs the page's first instruction as a delay slot.

Code that runs where 64-bit operations are reserved is lowered apart, under its narrow alias: the physical address plus
the size of RAM.  An alias has entries and a FRAME_SLOT_BLOCK of its own; all else is kept under the page itself."""


class Exc(IntEnum):
    """MIPS exception codes (Cause.ExcCode)."""

    INT, MOD, TLBL, TLBS, ADEL, ADES, IBE, DBE, SYS, BP, RI, CPU, OV, TR = range(14)
