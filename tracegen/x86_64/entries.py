"""Page-table entries: the hardware's layout, and the architecture-neutral one of the trace."""

from __future__ import annotations

import numpy as np

from replay.jit import inline
from replay.trace import schema
from tracegen.abi_x86_64 import Pte

PRESENT, WRITABLE, USER, ACCESSED, DIRTY, LARGE, GLOBAL, COW, NO_EXECUTE = (np.uint64(bit) for bit in Pte)
FRAME = np.uint64(0x000F_FFFF_FFFF_F000)
RESERVED = np.uint64(0x000F_FF00_0000_0000)
"""Address bits beyond the 40 that this CPU has."""
LARGE_RESERVED = np.uint64(0x0000_0000_001F_E000)
"""Address bits within a 2 MB page (bit 12 is PAT)."""

N_PRESENT = np.uint64(schema.ENTRY_VALID | schema.ENTRY_PRESENT)
N_WRITE, N_USER, N_EXECUTE = (np.uint64(b) for b in (schema.ENTRY_WRITE, schema.ENTRY_USER, schema.ENTRY_EXECUTE))
N_REFERENCED, N_DIRTY, N_GLOBAL, N_COW = (
    np.uint64(b) for b in (schema.ENTRY_REFERENCED, schema.ENTRY_DIRTY, schema.ENTRY_GLOBAL, schema.ENTRY_COW)
)
N_LARGE = np.uint64(1 << schema.ENTRY_SIZE_SHIFT)
NOTHING, ONE = np.uint64(0), np.uint64(1)


@inline
def bit(entry, guest, neutral):
    """``neutral`` if the entry has ``guest`` set."""
    return neutral if entry & guest else NOTHING


@inline
def neutral_entry(entry, level):
    """An entry of a table of ``level`` (0 maps pages) in the trace's form; nothing where hardware may not use it."""
    if entry & PRESENT == NOTHING:
        return NOTHING
    result = N_PRESENT | entry & np.uint64(0x0000_FFFF_FFFF_F000)
    result |= bit(entry, WRITABLE, N_WRITE) | bit(entry, USER, N_USER) | bit(~entry, NO_EXECUTE, N_EXECUTE)
    result |= bit(entry, ACCESSED, N_REFERENCED) | bit(entry, DIRTY, N_DIRTY) | bit(entry, GLOBAL, N_GLOBAL)
    result |= bit(entry, COW, N_COW)
    if level == ONE:
        result |= bit(entry, LARGE, N_LARGE)
    return result
