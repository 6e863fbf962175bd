"""Caches of the machine's CPUs: first level split, second level unified, write-back, kept coherent by invalidation.

Each CPU has a first level for instructions, one for data, and below both a second level that holds all that they hold.
All are set-associative, least recently used, indexed and tagged by machine address.  The first level is
``replay.hw.front``; the second holds presence only, a run of ways a set, most recently used first, each tag one more
than its line's number, 0 for an empty way.  Who may write is the directory's: by second-level line, which CPUs hold it,
whether one alone does, and whether memory is out of date.  That is the MESI protocol: a line read while nobody holds it
is exclusive, and becomes modified without asking anybody.

A reference says what it took, as bits: nothing where the first level holds the line and allows the access.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from replay.errors import UserError
from replay.hw import front, sets
from replay.hw.front import DATA, First
from replay.jit import helper, inline
from replay.records import Parameter

MOST_CPUS = 16

PARAMETERS = (
    Parameter("l1i.bytes", 32 << 10, "bytes", 1024, 1 << 20, "assumed", "first-level cache for instructions"),
    Parameter("l1i.ways", 2, "ways", 1, 64, "assumed", "its ways"),
    Parameter("l1i.line", 64, "bytes", 16, 4096, "assumed", "its lines"),
    Parameter("l1d.bytes", 32 << 10, "bytes", 1024, 1 << 20, "assumed", "first-level cache for data"),
    Parameter("l1d.ways", 2, "ways", 1, 64, "assumed", "its ways"),
    Parameter("l1d.line", 32, "bytes", 16, 4096, "assumed", "its lines"),
    Parameter("l2.bytes", 1 << 20, "bytes", 4096, 1 << 26, "assumed", "second-level cache"),
    Parameter("l2.ways", 2, "ways", 1, 64, "assumed", "its ways"),
    Parameter("l2.line", 128, "bytes", 16, 4096, "assumed", "its lines, the unit of coherence"),
)
"""Parameters of every machine with caches."""

HIT, L2_HIT, MEMORY, UPGRADE, DIRTY_ELSEWHERE, WROTE_BACK = (np.uint64(n) for n in (0, 1, 2, 4, 8, 16))
"""Bits of what a reference took.  L2_HIT: the first level missed, the second had it.  MEMORY: both missed.  UPGRADE:
held, but others held it too and lost it to a store.  DIRTY_ELSEWHERE: another cache gave it.  WROTE_BACK: the victim of
the miss, or the line that another cache gave, went to memory.  From LOST_SHIFT on: how many CPUs lost the line."""
LOST_SHIFT = np.uint64(8)

SHARERS, ALONE, DIRTY = np.uint64(0xFFFF), np.uint64(1 << 16), np.uint64(1 << 17)
"""A directory entry: a bit by CPU that holds the line; one CPU holds it alone; and has changed it."""
DIRTY_SHIFT = np.uint64(17)
ZERO, ONE = np.uint64(0), np.uint64(1)


class Level(NamedTuple):
    """The second level of all CPUs: ``ways`` tags a set."""

    tags: np.ndarray  # u32[cpus * (mask + 1) * ways]
    shift: np.uint64  # of a byte address, to a line's number
    mask: np.uint64  # sets - 1
    ways: np.uint64
    lines: np.uint64  # of one CPU


class Caches(NamedTuple):
    """The caches of all CPUs, and the directory of the memory behind them."""

    first: First
    second: Level
    directory: np.ndarray  # u32 by second-level line of the machine's memory
    cpus: np.uint64


def make_caches(cpus: int, memory_bytes: int, settings: Mapping[str, Any]) -> Caches:
    """Empty caches of ``cpus`` over ``memory_bytes`` of machine memory, with the geometry in ``settings``.

    Raises UserError, naming the parameters, for a geometry that no hardware has: lines or sets that are no power of
    two, a first-level line longer than the second's, a second level smaller than a first.
    """
    if not 1 <= cpus <= MOST_CPUS:
        raise UserError(f"caches of {cpus} CPUs: give 1 to {MOST_CPUS}")
    geometry = {name: _geometry(name, settings) for name in ("l1i", "l1d", "l2")}
    for name in ("l1i", "l1d"):
        if settings[f"{name}.line"] > settings["l2.line"]:
            raise UserError(f"{name}.line = {settings[f'{name}.line']} is longer than l2.line; choose at most that")
        if settings[f"{name}.bytes"] > settings["l2.bytes"]:
            raise UserError(f"l2.bytes = {settings['l2.bytes']} cannot hold what {name} holds; choose a larger one")
    first = front.make_first(cpus, geometry["l1i"], geometry["l1d"])
    shift, count, ways = geometry["l2"]
    tags = np.zeros(cpus * count * ways, np.uint32)
    second = Level(tags, np.uint64(shift), np.uint64(count - 1), np.uint64(ways), np.uint64(count * ways))
    return Caches(first, second, np.zeros(-(-memory_bytes >> shift), np.uint32), np.uint64(cpus))


def _geometry(name: str, settings: Mapping[str, Any]) -> tuple[int, int, int]:
    """(shift of a line, sets, ways) of the cache ``name``."""
    size, ways, line = (settings[f"{name}.{field}"] for field in ("bytes", "ways", "line"))
    if line & (line - 1):
        raise UserError(f"{name}.line should be a power of two, is {line}")
    count, rest = divmod(size, ways * line)
    if rest or not count or count & (count - 1):
        raise UserError(
            f"{name}.bytes = {size} in {name}.ways = {ways} of {name}.line = {line} make "
            f"no power of two of sets; choose another size"
        )
    return line.bit_length() - 1, count, ways


@helper
def read(caches, cpu, side, address):
    """What fetching or loading from machine byte ``address`` took."""
    line = front.line_of(caches.first, cpu, side, address)
    if front.find(caches.first, cpu, side, line, ZERO):
        return HIT
    took = walk(caches, cpu, address)
    dirty = np.uint64(caches.directory[address >> caches.second.shift]) >> DIRTY_SHIFT  # then it is this CPU's
    front.hold(caches.first, cpu, side, line, dirty & side)
    return took


@helper
def store(caches, cpu, address):
    """What storing to machine byte ``address`` took."""
    line, small = address >> caches.second.shift, front.line_of(caches.first, cpu, DATA, address)
    near = front.find(caches.first, cpu, DATA, small, ONE)
    if near or _find(caches.second, cpu, line):
        took = (HIT if near else L2_HIT) | _own(caches, cpu, line)
    else:
        took = MEMORY | _take(caches, cpu, line) | _fill(caches, cpu, line)
    if not near:
        front.hold(caches.first, cpu, DATA, small, ONE)
    return took


@helper
def walk(caches, cpu, address):
    """What a page-table reference took that goes to the second level: it leaves the first as it is."""
    line = address >> caches.second.shift
    if _find(caches.second, cpu, line):
        return L2_HIT
    return MEMORY | _share(caches, cpu, line) | _fill(caches, cpu, line)


@helper
def purge_page(caches, address, size):
    """Take the ``size`` bytes from machine byte ``address`` out of all caches; how many lines had to be written back.

    For pages that a device writes to, or that are copied to another place.
    """
    written = ZERO
    for line in range(address >> caches.second.shift, (address + size) >> caches.second.shift):
        held = np.uint64(caches.directory[line])
        if held != ZERO:
            written += held >> DIRTY_SHIFT
            _invalidate(caches, held & SHARERS, np.uint64(line))
            caches.directory[line] = ZERO
    return written


@helper
def clean_page(caches, address, size):
    """Write the changed lines of ``size`` bytes from machine byte ``address`` back; they stay where they are held."""
    for line in range(address >> caches.second.shift, (address + size) >> caches.second.shift):
        held = np.uint64(caches.directory[line])
        if held & DIRTY:
            _disown_all(caches, held, np.uint64(line))
            caches.directory[line] = held & ~DIRTY


# -- one level --------------------------------------------------------------------------------------------------------


@inline
def _first(level, cpu, line):
    """The first way of a line's set in the second level."""
    return cpu * level.lines + (line & level.mask) * level.ways


@inline
def _find(level, cpu, line):
    return sets.find_in(level.tags, _first(level, cpu, line), level.ways, line + ONE)


@inline
def _drop_all(caches, cpu, line):
    """Drop from both first levels every line that lies within ``line`` of the second."""
    for number in range(2):
        side = np.uint64(number)
        finer = caches.second.shift - caches.first.shift[side]
        for part in range(ONE << finer):
            front.drop(caches.first, cpu, side, (line << finer) + np.uint64(part))


@inline
def _disown_all(caches, held, line):
    """The one CPU of ``held`` that had changed a second-level line has to ask before it stores to it again."""
    finer = caches.second.shift - caches.first.shift[DATA]
    for number in range(caches.cpus):
        cpu = np.uint64(number)
        if held >> cpu & ONE:
            for part in range(ONE << finer):
                front.disown(caches.first, cpu, (line << finer) + np.uint64(part))


# -- both levels ------------------------------------------------------------------------------------------------------


@inline
def _fill(caches, cpu, line):
    """Hold ``line`` in the second level, in place of the least recently used of its set."""
    level = caches.second
    first = _first(level, cpu, line)
    victim = np.uint64(level.tags[first + level.ways - ONE])
    took = ZERO
    if victim != ZERO:
        took = _evict(caches, cpu, victim - ONE)
    sets.push_in(level.tags, first, level.ways, line + ONE)
    return took


@inline
def _evict(caches, cpu, line):
    """The second level of ``cpu`` gives ``line`` up, and so do the first levels."""
    held = np.uint64(caches.directory[line])
    _drop_all(caches, cpu, line)
    left = held & SHARERS & ~(ONE << cpu)
    caches.directory[line] = left
    return WROTE_BACK if held & DIRTY else ZERO


# -- coherence --------------------------------------------------------------------------------------------------------


@inline
def _share(caches, cpu, line):
    """``cpu`` reads a line that it does not hold: whoever alone held it shares it from now on."""
    held = np.uint64(caches.directory[line])
    others = held & SHARERS
    caches.directory[line] = others | (ONE << cpu) | (ALONE if others == ZERO else ZERO)
    if held & DIRTY == ZERO:
        return ZERO
    _disown_all(caches, held, line)
    return DIRTY_ELSEWHERE | WROTE_BACK


@inline
def _own(caches, cpu, line):
    """``cpu`` stores to a line that it holds: the others that hold it lose it."""
    held = np.uint64(caches.directory[line])
    mine = ONE << cpu
    caches.directory[line] = mine | ALONE | DIRTY
    others = held & SHARERS & ~mine
    return UPGRADE | _invalidate(caches, others, line) << LOST_SHIFT if others != ZERO else _claim(held)


@inline
def _claim(held):
    """A line that nobody else holds: free if it was known to be held alone, else the directory is asked."""
    return ZERO if held & ALONE else UPGRADE


@inline
def _take(caches, cpu, line):
    """``cpu`` stores to a line that it does not hold: whoever holds it loses it."""
    held = np.uint64(caches.directory[line])
    lost = _invalidate(caches, held & SHARERS, line)
    caches.directory[line] = (ONE << cpu) | ALONE | DIRTY
    return lost << LOST_SHIFT | (DIRTY_ELSEWHERE if held & DIRTY else ZERO)


@helper
def _invalidate(caches, sharers, line):
    """Drop a second-level line from all levels of the CPUs in ``sharers``; how many they are."""
    lost = ZERO
    for number in range(caches.cpus):
        cpu = np.uint64(number)
        if sharers >> cpu & ONE:
            lost += ONE
            sets.drop_in(caches.second.tags, _first(caches.second, cpu, line), caches.second.ways, line + ONE)
            _drop_all(caches, cpu, line)
    return lost
