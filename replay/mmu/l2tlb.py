"""Second-level software TLB: set-associative, least recently used, of page pairs.

A set is a run of ways in ``tags``, most recently used first, 0 for an empty way.  The set follows from a pair's
address, not from its number, so that which other pages a trace touches changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from replay.errors import UserError
from replay.jit import inline
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


class L2Tlb(NamedTuple):
    """The second-level TLBs of all vCPUs."""

    tags: np.ndarray  # u32[vcpus * entries]: pairs
    home: np.ndarray  # u32 by pair: first way of its set, in the first vCPU's run
    entries: np.uint64
    ways: np.uint64


def make_l2tlb(vcpus: int, vpn: np.ndarray, space: np.ndarray, settings: Mapping[str, Any]) -> L2Tlb:
    """Empty TLBs; ``vpn`` and ``space`` are by page id.  Raises UserError for ways that do not divide the entries."""
    entries, ways = settings["l2tlb.entries"], settings["l2tlb.ways"]
    if entries % ways:
        raise UserError(f"l2tlb.ways = {ways} does not divide l2tlb.entries = {entries}; choose a divisor")
    key = (vpn[0::2] >> ONE) + space[0::2].astype(np.uint64) * SPACE_FACTOR
    home = (key % np.uint64(entries // ways)).astype(np.uint32) * np.uint32(ways)
    return L2Tlb(np.zeros(vcpus * entries, np.uint32), home, np.uint64(entries), np.uint64(ways))


@inline
def find(l2, vcpu, pair):
    """Whether ``pair`` is held; it is then the most recently used of its set."""
    first = vcpu * l2.entries + np.uint64(l2.home[pair])
    for way in range(l2.ways):
        if l2.tags[first + np.uint64(way)] == pair:
            _to_front(l2, first, np.uint64(way), pair)
            return True
    return False


@inline
def insert(l2, vcpu, pair):
    """Hold ``pair`` as the most recently used of its set, in place of the least recently used if the set is full."""
    if not find(l2, vcpu, pair):
        _to_front(l2, vcpu * l2.entries + np.uint64(l2.home[pair]), l2.ways - ONE, pair)


@inline
def drop(l2, vcpu, pair):
    """Forget ``pair``; later ways move up, so that only the last ones of a set are empty."""
    if find(l2, vcpu, pair):
        first = vcpu * l2.entries + np.uint64(l2.home[pair])
        _close(l2, first, first)


@inline
def flush(l2, vcpu):
    """Forget everything of ``vcpu``."""
    for entry in range(l2.entries):
        l2.tags[vcpu * l2.entries + np.uint64(entry)] = 0


@inline
def flush_space(l2, vcpu, space_of, space):
    """Forget what belongs to ``space``; ``space_of`` is by page id."""
    for count in range(l2.entries):
        entry = vcpu * l2.entries + (l2.entries - ONE - np.uint64(count))
        pair = np.uint64(l2.tags[entry])
        if pair != 0 and space_of[pair << ONE] == space:
            _close(l2, vcpu * l2.entries + np.uint64(l2.home[pair]), entry)


@inline
def _to_front(l2, first, way, pair):
    for step in range(way):
        to = first + way - np.uint64(step)
        l2.tags[to] = l2.tags[to - ONE]
    l2.tags[first] = pair


@inline
def _close(l2, first, entry):
    """Move the ways behind ``entry`` up over it, in the set that starts at ``first``."""
    last = first + l2.ways - ONE
    for way in range(entry, last):
        l2.tags[np.uint64(way)] = l2.tags[np.uint64(way) + ONE]
    l2.tags[last] = 0
