"""Page-walk caches: what a hardware walker remembers of the upper levels of page tables.

A cache holds, for one level, the entries that name the next table: those that span 2 MB (``leaf``), 1 GB (``middle``)
and 512 GB (``upper``).  A walk starts below the deepest entry that it finds, reads one entry in each table from there
on, and leaves what it read.  An entry that maps a 2 MB page itself is a translation, which goes to the TLB and to no
walk cache (Intel SDM, volume 3, section 4.10.3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from replay.hw import sets
from replay.jit import inline
from replay.records import Parameter

LEVELS = {"leaf": "2 MB", "middle": "1 GB", "upper": "512 GB"}
"""Levels by number, and what an entry spans."""

MOST = 1 << 16
ONE = np.uint64(1)


def parameters(prefix: str, entries: tuple[int, int, int], note: str) -> tuple[Parameter, ...]:
    """Sizes of one dimension's walk caches, called ``prefix``.leaf_entries and so on; ``entries`` are the defaults."""
    found: list[Parameter] = []
    for (level, span), default in zip(LEVELS.items(), entries, strict=True):
        what, ways = f"walk cache of entries that span {span}, 0: none; {note}", "its associativity; beyond: full"
        found += [
            Parameter(f"{prefix}.{level}_entries", default, "entries", 0, MOST, "assumed", what),
            Parameter(f"{prefix}.{level}_ways", MOST, "ways", 1, MOST, "assumed", ways),
        ]
    return tuple(found)


class WalkCaches(NamedTuple):
    """The walk caches of all vCPUs in one dimension.  A key is the number of a level's region, offset by level."""

    tags: np.ndarray  # u32[vcpus * entries]: keys, by level
    home: np.ndarray  # u32 by key: first way of its set, in the first vCPU's run
    ways: np.ndarray  # u64[3] by level
    regions: np.ndarray  # u32[3 * pages]: by level and page, the key of the region that holds the page
    pages: np.uint64
    entries: np.uint64  # of a vCPU


def make_caches(
    prefix: str, vcpus: int, number: np.ndarray, regions: Sequence[np.ndarray], settings: Mapping[str, Any]
) -> WalkCaches:
    """Empty caches called ``prefix`` in ``settings``; ``number`` is by page, in its space, and ``regions`` by level.

    ``regions`` number each level's regions by page, neighbours alike, ascending from 0 for none.
    """
    homes, keys, ways, at, base = [], [], [], 0, 0
    for level, (name, region) in enumerate(zip(LEVELS, regions, strict=True)):
        entries = settings[f"{prefix}.{name}_entries"]
        ways.append(min(entries, settings[f"{prefix}.{name}_ways"]))
        count = sets.number_of_sets(f"{prefix}.{name}_", entries, settings[f"{prefix}.{name}_ways"])
        first = np.searchsorted(region, np.arange(int(region[-1]) + 1))
        homes.append(at + sets.homes(number[first] >> np.uint64(9 * (level + 1)), count, ways[-1]))
        keys.append(region + np.uint32(base))
        at, base = at + entries, base + first.size
    return WalkCaches(
        tags=np.zeros(vcpus * at, np.uint32),
        home=np.concatenate(homes).astype(np.uint32),
        ways=np.array(ways, np.uint64),
        regions=np.concatenate(keys).astype(np.uint32),
        pages=np.uint64(number.size),
        entries=np.uint64(at),
    )


@inline
def walk(caches, vcpu, page, large):
    """References of a walk for ``page``, which ends at a 2 MB entry if ``large`` is 1, else 0; it is remembered.

    There are 4 - ``large`` tables on the way.
    """
    found = np.uint64(large)
    while found < 3 and not _find(caches, vcpu, page, found):
        found += ONE
    level = found
    while level > large:
        level -= ONE
        _push(caches, vcpu, page, level)
    return np.int64(found + ONE - large)


@inline
def forget(caches, vcpu, page):
    """Forget the entries on the way to ``page``."""
    for number in range(3):
        level = np.uint64(number)
        if _find(caches, vcpu, page, level):
            first = vcpu * caches.entries + np.uint64(caches.home[_key(caches, page, level)])
            sets.close(caches.tags, first, caches.ways[level], first)


@inline
def flush(caches, vcpu):
    """Forget everything of ``vcpu``."""
    for entry in range(caches.entries):
        caches.tags[vcpu * caches.entries + np.uint64(entry)] = 0


@inline
def _key(caches, page, level):
    return np.uint64(caches.regions[level * caches.pages + page])


@inline
def _find(caches, vcpu, page, level):
    """Whether the cache of ``level`` holds the entry on the way to ``page``, then as its set's most recently used."""
    key = _key(caches, page, level)
    return sets.find_in(caches.tags, vcpu * caches.entries + np.uint64(caches.home[key]), caches.ways[level], key)


@inline
def _push(caches, vcpu, page, level):
    key = _key(caches, page, level)
    sets.push_in(caches.tags, vcpu * caches.entries + np.uint64(caches.home[key]), caches.ways[level], key)
