"""Page-table entries: the guest's layout, and the architecture-neutral one of the trace.

In memory an entry is EntryLo << 6 | software bits; EntryLo is frame << 6 | cache << 3 | dirty | valid | global.
"""

from __future__ import annotations

import numpy as np

from replay.jit import inline
from replay.trace import schema
from tracegen.abi import PTE_ENTRYLO_SHIFT, Pte

PRESENT, COW, REFERENCED, WRITABLE = (np.uint64(b) for b in (Pte.PRESENT, Pte.COW, Pte.REFERENCED, Pte.WRITABLE))
GLOBAL, VALID, DIRTY = (np.uint64(b) for b in (Pte.GLOBAL, Pte.VALID, Pte.DIRTY))
CACHE_SHIFT, CACHE_MASK, UNCACHED = np.uint64(9), np.uint64(7), 2
FRAME_SHIFT, FRAME_MASK = np.uint64(12), np.uint64(0xFFFFFFFFF)
ENTRY_SHIFT = np.uint64(PTE_ENTRYLO_SHIFT)

N_VALID, N_WRITE, N_REFERENCED = (
    np.uint64(b) for b in (schema.ENTRY_VALID, schema.ENTRY_WRITE, schema.ENTRY_REFERENCED)
)
N_DIRTY, N_GLOBAL, N_PRESENT, N_COW = (
    np.uint64(b) for b in (schema.ENTRY_DIRTY, schema.ENTRY_GLOBAL, schema.ENTRY_PRESENT, schema.ENTRY_COW)
)
N_UNCACHED, N_ACCESS = np.uint64(schema.ENTRY_UNCACHED), np.uint64(schema.ENTRY_USER | schema.ENTRY_EXECUTE)
N_FRAME_SHIFT = np.uint64(schema.ENTRY_FRAME_SHIFT)
NOTHING = np.uint64(0)


@inline
def bit(entry, guest, neutral):
    """``neutral`` if the entry has ``guest`` set."""
    return neutral if entry & guest else NOTHING


@inline
def neutral_entry(entry):
    """An entry of a guest's table in the trace's form.

    VALID and DIRTY are the hardware's V and D; WRITE says that a store is allowed, at once (D) or after the guest has
    set D for it (WRITABLE and not copy-on-write); PRESENT, COW and REFERENCED are the software bits.
    """
    if entry == NOTHING:
        return NOTHING
    result = N_ACCESS | (entry >> FRAME_SHIFT & FRAME_MASK) << N_FRAME_SHIFT
    result |= bit(entry, VALID, N_VALID) | bit(entry, DIRTY, N_DIRTY | N_WRITE) | bit(entry, GLOBAL, N_GLOBAL)
    result |= bit(entry, PRESENT, N_PRESENT) | bit(entry, COW, N_COW) | bit(entry, REFERENCED, N_REFERENCED)
    if entry & WRITABLE and entry & COW == 0:
        result |= N_WRITE
    if entry >> CACHE_SHIFT & CACHE_MASK == UNCACHED:
        result |= N_UNCACHED
    return result


@inline
def neutral_half(lo):
    """One EntryLo register in the trace's form: a valid half is present and referenced too."""
    entry = lo << ENTRY_SHIFT
    return neutral_entry(entry | PRESENT | REFERENCED if entry & VALID else entry)
