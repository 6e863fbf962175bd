"""Second-level software TLB: set-associative, least recently used, of page pairs.

It is a ``replay.hw.sets`` structure.  The set follows from a pair's address, not from its number, so that which other
pages a trace touches changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from replay.errors import UserError
from replay.hw.sets import Sets, make_sets
from replay.jit import inline
from replay.memory import hooks
from replay.records import Parameter

PARAMETERS = (
    Parameter(
        "l2tlb.entries", 4096, "entries", 1, 1 << 24, "assumed", "page pairs it holds; the paper gives no size at all"
    ),
    Parameter(
        "l2tlb.ways", 1, "ways", 1, 64, "assumed", "associativity; the paper gives none, direct mapping is fastest"
    ),
)

ONE = np.uint64(1)
SPACE_FACTOR = np.uint64(0x9E3779B1)
"""Spreads equal addresses of different spaces over the sets."""

ENTRY_SHIFT = np.uint64(4)
"""An entry takes 16 bytes of the monitor's memory: address and space, and what to write to the TLB."""


def make_l2tlb(vcpus: int, vpn: np.ndarray, space: np.ndarray, settings: Mapping[str, Any]) -> Sets:
    """Empty TLBs; ``vpn`` and ``space`` are by page id.  Raises UserError for ways that do not divide the entries."""
    entries, ways = settings["l2tlb.entries"], settings["l2tlb.ways"]
    if entries % ways:
        raise UserError(f"l2tlb.ways = {ways} does not divide l2tlb.entries = {entries}; choose a divisor")
    key = (vpn[0::2] >> ONE) + space[0::2].astype(np.uint64) * SPACE_FACTOR
    return make_sets("l2tlb.", vcpus, key, entries, ways)


@inline
def read(at, l2tlb, pair):
    """The monitor reads the set of ``pair``, a line of its memory, in the table of the virtual CPU."""
    hooks.read_monitor(at.memory, at, at.vcpu, np.uint64(l2tlb.home[pair]) << ENTRY_SHIFT)
