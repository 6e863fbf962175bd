"""Page-walk caches: what a hardware walker remembers of the upper levels of page tables.

A cache holds, for one level, the entries that name the next table: ``upper`` those of 512 GB (PML4 entries),
``middle`` of 1 GB, ``leaf`` of 2 MB.  A walk starts below the deepest entry that it finds, reads one entry in each
table from there on, and leaves what it read.  An entry that maps a 2 MB page itself is a translation, which goes to
the TLB and to no walk cache (Intel SDM, volume 3, section 4.10.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from replay.hw import sets
from replay.hw.sets import Sets
from replay.jit import inline
from replay.records import Parameter

LEVELS = ("leaf", "middle", "upper")
"""Tables by what an entry of theirs spans, as a walk meets them from its end: 2 MB, 1 GB, 512 GB."""


def parameters(prefix: str, entries: tuple[int, int, int], why: str) -> tuple[Parameter, ...]:
    """Sizes of one dimension's walk caches, called ``prefix``.leaf_entries and so on; ``entries`` are the defaults."""
    spans = dict(zip(LEVELS, ("2 MB", "1 GB", "512 GB"), strict=True))
    return tuple(
        parameter
        for level, default in zip(LEVELS, entries, strict=True)
        for parameter in (
            Parameter(
                f"{prefix}.{level}_entries", default, "entries", 0, 1 << 16, "assumed",
                f"walk cache of the entries that span {spans[level]}; 0: none. {why}",
            ),
            Parameter(
                f"{prefix}.{level}_ways", 1 << 16, "ways", 1, 1 << 16, "assumed",
                "its associativity; beyond its entries: full",
            ),
        )
    )  # fmt: skip


class WalkCaches(NamedTuple):
    """The walk caches of all vCPUs in one dimension; keys are region numbers."""

    leaf: Sets
    middle: Sets
    upper: Sets


def make_caches(
    prefix: str, vcpus: int, addresses: tuple[np.ndarray, np.ndarray, np.ndarray], settings: Mapping[str, Any]
) -> WalkCaches:
    """Empty caches; ``addresses`` are the regions' own numbers in their space, u64 by leaf, middle and upper region."""
    made = (
        sets.make_sets(
            f"{prefix}.{level}_",
            vcpus,
            address,
            settings[f"{prefix}.{level}_entries"],
            settings[f"{prefix}.{level}_ways"],
        )
        for level, address in zip(LEVELS, addresses, strict=True)
    )
    return WalkCaches(*made)


@inline
def walk(caches, vcpu, leaf, middle, upper, large):
    """References of a walk in these regions, ``large`` 1 if it ends at a 2 MB entry, else 0: at most 4 less that."""
    tables = np.int64(1) - np.int64(large)  # below the 2 MB entry
    if large == 0 and sets.find(caches.leaf, vcpu, leaf):
        return np.int64(1)
    if sets.find(caches.middle, vcpu, middle):
        references = tables + 1
    else:
        if sets.find(caches.upper, vcpu, upper):
            references = tables + 2
        else:
            sets.insert(caches.upper, vcpu, upper)
            references = tables + 3
        sets.insert(caches.middle, vcpu, middle)
    if large == 0:
        sets.insert(caches.leaf, vcpu, leaf)
    return references


@inline
def flush(caches, vcpu):
    """Forget everything of ``vcpu``."""
    sets.flush(caches.leaf, vcpu)
    sets.flush(caches.middle, vcpu)
    sets.flush(caches.upper, vcpu)
