"""First-level caches of the machine's CPUs, for instructions and for data: set-associative, least recently used.

The two ways of a set that were used last lie side by side, with a note which of them was the very last.  There nearly
all references find their line, and all that they change is that note, which nothing waits for.  What more ways there
are lies apart, most recently used first.  A tag is one more than its line's number, 0 for an empty way.  Side by side,
a line has two tags: one for all, and one for stores, which is there only while this CPU alone holds the line, changed,
so that a store to it need not ask anybody.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from replay.hw import sets
from replay.jit import inline, likely
from replay.trace.schema import EVENT_FIRST, Kind

CODE, DATA = np.uint64(Kind.FETCH), np.uint64(Kind.LOAD1)
"""Sides: each is one kind of access to it."""
ZERO, ONE, TWO = (np.uint64(n) for n in range(3))
KIND_BITS = np.uint64(EVENT_FIRST.bit_length() - 1)
FIRST_SET, MASK, SHIFT, TAGS = ZERO, ONE, TWO, np.uint64(3)
"""Columns of ``First.geometry``: the number of the first set, sets - 1, the shift from an address to its line, and
which of a set's tags to look at."""


class First(NamedTuple):
    """The first levels of all CPUs.  Sets are numbered: those of each CPU in a row, for code and then for data."""

    tags: np.ndarray  # u32[4 * sets]: of the two ways used last, then the same for stores
    last: np.ndarray  # u8 by set: which of the two it was
    older: np.ndarray  # u32: the further ways of each set
    geometry: np.ndarray  # u64[4 * EVENT_FIRST * cpus]: by CPU and kind of access, the columns above
    begin_older: np.ndarray  # u64[2 * cpus]: where the further ways of a CPU and side begin
    shift: np.ndarray  # u64[2] by side: of a byte address, to a line's number
    paired: np.ndarray  # u64[2]: 1 if there are two ways or more, 0 of one
    more: np.ndarray  # u64[2]: ways beyond two


def make_first(cpus: int, *sides: tuple[int, int, int]) -> First:
    """Empty caches of ``cpus``; by side: shift of a line, sets, ways."""
    shift, count, ways = (np.array(values, np.uint64) for values in zip(*sides, strict=True))
    more = np.maximum(ways, TWO) - TWO
    held, older = np.tile(count, cpus), np.tile(count * more, cpus)
    columns = (np.cumsum(held) - held, held - ONE, np.tile(shift, cpus), np.zeros_like(held))
    by_side = np.stack(columns, 1).reshape(cpus, 2, 4)
    by_kind = by_side[:, [int(kind != Kind.FETCH) for kind in range(EVENT_FIRST)]]
    by_kind[:, Kind.STORE1 :, int(TAGS)] = TWO
    return First(
        tags=np.zeros(4 * int(held.sum()), np.uint32),
        last=np.zeros(int(held.sum()), np.uint8),
        older=np.zeros(int(older.sum()), np.uint32),
        geometry=by_kind.reshape(-1),
        begin_older=np.cumsum(older) - older,
        shift=shift,
        paired=np.minimum(ways, TWO) - ONE,
        more=more,
    )


@inline
def at_hand(first, cpu, kind, address):
    """1 if the line of machine byte ``address`` is one of the two used last in its set, and may be used so, else 0.

    Kinds of access come in no order that a processor could predict, so there is no branch on them.
    """
    line = line_of(first, cpu, kind, address)
    number = _set_of(first, cpu, kind, line)
    at = _tags_of(number) + first.geometry[_row(cpu, kind) | TAGS]
    one = np.uint64(first.tags[at]) ^ (line + ONE)
    other = np.uint64(first.tags[at + ONE]) ^ (line + ONE)
    if likely(one * other == ZERO):  # two questions would be two branches, and which way it is nobody can predict
        first.last[number] = other == ZERO
        return ONE
    return ZERO


@inline
def find(first, cpu, side, line, owned):
    """Whether ``line`` is held, then as the most recently used; with ``owned`` 1, stores need not ask from now on."""
    number = _set_of(first, cpu, side, line)
    for count in range(2):
        way = np.uint64(count)
        at = _tags_of(number) + way
        if np.uint64(first.tags[at]) == line + ONE:
            if owned != ZERO:
                first.tags[at + TWO] = line + ONE
            first.last[number] = way
            return True
    if first.more[side] != ZERO:
        begin = _older(first, cpu, side, line)
        if sets.find_in(first.older, begin, first.more[side], line + ONE):
            sets.close(first.older, begin, first.more[side], begin)
            hold(first, cpu, side, line, owned)
            return True
    return False


@inline
def hold(first, cpu, side, line, owned):
    """Hold ``line``, which the set does not, in place of the least recently used; ``owned`` as in ``find``."""
    number = _set_of(first, cpu, side, line)
    way = (np.uint64(first.last[number]) ^ ONE) & first.paired[side]
    at = _tags_of(number) + way
    if first.tags[at] != 0:
        sets.push_in(first.older, _older(first, cpu, side, line), first.more[side], first.tags[at])
    first.tags[at] = line + ONE
    first.tags[at + TWO] = line + ONE if owned != ZERO else ZERO
    first.last[number] = way


@inline
def drop(first, cpu, side, line):
    """Forget ``line``."""
    number = _set_of(first, cpu, side, line)
    for count in range(2):
        way = np.uint64(count)
        at = _tags_of(number) + way
        if np.uint64(first.tags[at]) == line + ONE:
            first.tags[at] = 0
            first.tags[at + TWO] = 0
            first.last[number] = (way ^ ONE) & first.paired[side]
    if first.more[side] != ZERO:
        sets.drop_in(first.older, _older(first, cpu, side, line), first.more[side], line + ONE)


@inline
def disown(first, cpu, line):
    """A store to ``line`` of data, if it is held, has to ask from now on."""
    at = _tags_of(_set_of(first, cpu, DATA, line)) + TWO
    for way in range(2):
        if np.uint64(first.tags[at + np.uint64(way)]) == line + ONE:
            first.tags[at + np.uint64(way)] = 0


@inline
def line_of(first, cpu, side, address):
    """The number of the line of machine byte ``address``."""
    return address >> first.geometry[_row(cpu, side) | SHIFT]


@inline
def _row(cpu, kind):
    """Where the columns of a CPU and a kind of access begin."""
    return (cpu << KIND_BITS | kind) << TWO


@inline
def _set_of(first, cpu, side, line):
    """The number of the set that ``line`` belongs to."""
    row = _row(cpu, side)
    return first.geometry[row | FIRST_SET] + (line & first.geometry[row | MASK])


@inline
def _tags_of(number):
    """Where the tags of set ``number`` begin."""
    return number << TWO


@inline
def _older(first, cpu, side, line):
    """Where the further ways of its set begin."""
    return first.begin_older[cpu + cpu + side] + (line & first.geometry[_row(cpu, side) | MASK]) * first.more[side]
