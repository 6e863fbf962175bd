"""First-level TLB of page pairs, any number of entries, random or least-recently-used replacement.

Residency is a table by pair: ``slot[pair]`` is the entry that holds it, so that the common question "hit?" is one
well-predicted load.  Entry 0 stands for "absent" and entry 1 for "pinned": pages that the hardware translates
without the TLB, always present and never replaced.  Real entries follow, those of each vCPU in a row.

A least recently used victim is found by a scan of the entries, which costs misses only.  Random replacement is the
recorder's: entry ``wired + (x >> 32) % (entries - wired)``, where x steps through a 64-bit xorshift at each random
write, so that a replay with the recorder's geometry and seed repeats its misses.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from replay.errors import UserError
from replay.jit import inline
from replay.records import Parameter
from replay.trace.schema import Segment

PARAMETERS = (
    Parameter("tlb.entries", 64, "entries", 1, 4000, "assumed", "entries of the first-level TLB, a page pair each"),
    Parameter("tlb.replacement", "random", "policy", 0, 0, "assumed", "how a victim is chosen", ("random", "lru")),
    Parameter("tlb.wired", None, "entries", 0, 3999, "assumed", "entries never replaced; default: the recorder's"),
    Parameter("tlb.seed", None, "seed", 0, 2**64 - 1, "assumed", "of random replacement; default: the recorder's"),
)
"""Parameters of every model that has a first-level TLB; a machine gives values to those it knows."""

ABSENT, PINNED, FIRST = 0, 1, 2
ONE = np.uint64(1)
ROW_SHIFT = np.uint64(10)
"""Stamps are row numbers shifted by this, which leaves room to order what happens within one row."""

LCG, MASK = 0x9E3779B97F4A7C15, (1 << 64) - 1


class Tlb(NamedTuple):
    """The TLBs of all vCPUs; ``At.lane`` is where a vCPU's pairs start."""

    slot: np.ndarray  # u16[vcpus * pairs]: entry that holds the pair, ABSENT or PINNED
    pair: np.ndarray  # u32[FIRST + vcpus * entries]: pair in the entry; 0 none
    stamp: np.ndarray  # u64[FIRST + vcpus * entries]: when it was last used
    random: np.ndarray  # u64[vcpus]: xorshift state
    order: np.ndarray  # u64[1]: last stamp given within a row
    pairs: np.uint64
    entries: np.uint64
    wired: np.uint64
    lru: np.uint64


def make_tlb(vcpus: int, segment: np.ndarray, settings: Mapping[str, Any], pinned: tuple[Segment, ...]) -> Tlb:
    """Empty TLBs with the geometry in ``settings``; pairs of ``pinned`` segments (``segment`` by page id) bypass them.

    Raises UserError if no entry is left to replace.
    """
    entries, wired = settings["tlb.entries"], settings["tlb.wired"]
    if wired >= entries:
        raise UserError(f"tlb.wired = {wired} leaves none of tlb.entries = {entries} to replace; wire fewer entries")
    pairs = segment.size // 2
    slot = np.zeros(vcpus * pairs, np.uint16)
    for kind in pinned:
        slot[np.tile(segment[0::2] == kind, vcpus)] = PINNED
    slot[::pairs] = ABSENT
    seeds = [((settings["tlb.seed"] + v) * LCG + 1) & MASK or 1 for v in range(vcpus)]
    return Tlb(
        slot=slot,
        pair=np.zeros(FIRST + vcpus * entries, np.uint32),
        stamp=np.zeros(FIRST + vcpus * entries, np.uint64),
        random=np.array(seeds, np.uint64),
        order=np.zeros(1, np.uint64),
        pairs=np.uint64(pairs),
        entries=np.uint64(entries),
        wired=np.uint64(wired),
        lru=np.uint64(settings["tlb.replacement"] == "lru"),
    )


@inline
def pair_of(page):
    """The pair that page id ``page`` belongs to."""
    return np.uint64(page) >> ONE


@inline
def hit(tlb, at, pair):
    """Whether the TLB of ``at.vcpu`` holds ``pair``; its entry is then the most recently used."""
    slot = np.uint64(tlb.slot[at.lane + pair])
    tlb.stamp[slot] = at.now  # of an absent pair: entry 0, which nobody reads
    return slot != ABSENT


@inline
def touch(tlb, at, pair):
    """As ``hit``, for a second reference of the same row."""
    slot = np.uint64(tlb.slot[at.lane + pair])
    tlb.stamp[slot] = _next_stamp(tlb, at)
    return slot != ABSENT


@inline
def insert(tlb, at, pair):
    """Write ``pair`` to the entry that the replacement policy chooses."""
    first = FIRST_ENTRY + at.vcpu * tlb.entries
    slot = _oldest(tlb, first) if tlb.lru != 0 else first + _random_index(tlb, at.vcpu)
    _fill(tlb, at, slot, pair)


@inline
def place(tlb, at, pair, index):
    """Write ``pair`` to entry ``index``, which must be below ``tlb.entries``."""
    _fill(tlb, at, FIRST_ENTRY + at.vcpu * tlb.entries + index, pair)


@inline
def drop(tlb, vcpu, pair):
    """Forget ``pair`` if the TLB of ``vcpu`` holds it in an entry."""
    slot = np.uint64(tlb.slot[vcpu * tlb.pairs + pair])
    if slot >= FIRST_ENTRY:
        _empty(tlb, vcpu, slot)


@inline
def drop_everywhere(tlb, pair):
    """Forget ``pair`` on every vCPU."""
    for vcpu in range(tlb.random.size):
        drop(tlb, np.uint64(vcpu), pair)


@inline
def drop_index(tlb, vcpu, index):
    """Forget what entry ``index`` holds."""
    _empty(tlb, vcpu, FIRST_ENTRY + vcpu * tlb.entries + index)


@inline
def flush(tlb, vcpu):
    """Forget every entry of ``vcpu``."""
    for index in range(tlb.entries):
        _empty(tlb, vcpu, FIRST_ENTRY + vcpu * tlb.entries + np.uint64(index))


@inline
def flush_space(tlb, vcpu, space_of, space):
    """Forget the entries of ``vcpu`` that belong to ``space``; ``space_of`` is by page id."""
    for index in range(tlb.entries):
        slot = FIRST_ENTRY + vcpu * tlb.entries + np.uint64(index)
        if tlb.pair[slot] != 0 and space_of[np.uint64(tlb.pair[slot]) << ONE] == space:
            _empty(tlb, vcpu, slot)


@inline
def set_base(base, vcpu, space):
    """Let ``space`` be current, as a base switch has it; whether it was already, and is a space of its own.

    Kernels that have no instruction to drop a space's translations write its base once more.
    """
    again = base[vcpu] == space and space != 0
    base[vcpu] = space
    return again


FIRST_ENTRY = np.uint64(FIRST)


@inline
def _next_stamp(tlb, at):
    last = tlb.order[0]
    tlb.order[0] = at.now + ONE if last < at.now else last + ONE
    return tlb.order[0]


@inline
def _empty(tlb, vcpu, slot):
    tlb.slot[vcpu * tlb.pairs + np.uint64(tlb.pair[slot])] = ABSENT  # of an empty entry: pair 0, always absent
    tlb.pair[slot] = 0
    tlb.stamp[slot] = 0


@inline
def _fill(tlb, at, slot, pair):
    drop(tlb, at.vcpu, pair)
    _empty(tlb, at.vcpu, slot)
    tlb.slot[at.lane + pair] = slot
    tlb.pair[slot] = pair
    tlb.stamp[slot] = _next_stamp(tlb, at)


@inline
def _oldest(tlb, first):
    oldest = first + tlb.wired
    for index in range(tlb.wired, tlb.entries):
        slot = first + np.uint64(index)
        if tlb.stamp[slot] < tlb.stamp[oldest]:
            oldest = slot
    return oldest


@inline
def _random_index(tlb, vcpu):
    x = tlb.random[vcpu]
    x ^= x << np.uint64(13)
    x ^= x >> np.uint64(7)
    x ^= x << np.uint64(17)
    tlb.random[vcpu] = x
    return tlb.wired + (x >> np.uint64(32)) % (tlb.entries - tlb.wired)
