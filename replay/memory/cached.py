"""Memory behind caches: each reference looks for its line, and what misses goes to the node that holds the page.

A page of the guest leads to a frame of its memory, as its page tables say now, and the frame to a machine page: its own
number, unless a monitor moved it (``replay.memory.policy``).  Each node has a row of that table: CPUs of a node with a
copy use the copy.  Which node a machine page belongs to is decided by its first miss, or from the start.

CPU n runs virtual CPU n, on node n / CPUs per node.  A reference that crosses a line counts for the line it begins in.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from replay.hw import caches as hw
from replay.hw import front
from replay.hw.caches import Caches
from replay.jit import helper, inline, likely
from replay.memory import hooks, policy
from replay.memory.hooks import NOTHING
from replay.mmu import frames
from replay.mmu.frames import Frames
from replay.trace.schema import ENTRY_FRAME_SHIFT, ENTRY_VALID, PAGE_SHIFT, Kind

EVENTS = {
    "caches": {
        "l2_hit": "references that the first-level cache lacked and the second held",
        "local_miss": "references that went to the memory of the CPU's own node",
        "remote_miss": "references that went to another node's memory",
        "local_upgrade": "stores to a line held for reading only, settled by the CPU's own node",
        "remote_upgrade": "the same, settled by another node",
        "dirty_miss": "of the misses and upgrades, those served by the cache of another CPU",
        "line_lost": "lines that stores took from the caches of other CPUs",
        "write_back": "changed lines written to memory",
    },
    "page tables in caches": {
        "table_reference": "references to page tables and to the software that holds translations",
        "table_l2_hit": "of these, those that the second-level cache held and the first was not asked or lacked",
        "table_local_miss": "of these, those that went to the memory of the CPU's own node",
        "table_remote_miss": "of these, those that went to another node's memory",
    },
}
"""Mechanism -> counters of every model on a machine with caches; they follow the model's own."""

NAMES = tuple(name for group in EVENTS.values() for name in group)
L2_HITS, LOCAL_MISSES, LOCAL_UPGRADES, DIRTY_MISSES = (
    np.uint64(NAMES.index(name)) for name in ("l2_hit", "local_miss", "local_upgrade", "dirty_miss")
)
LINES_LOST, WRITE_BACKS = np.uint64(NAMES.index("line_lost")), np.uint64(NAMES.index("write_back"))
TABLE_REFERENCES, TABLE_HITS = np.uint64(NAMES.index("table_reference")), np.uint64(NAMES.index("table_l2_hit"))
TABLE_MISSES = np.uint64(NAMES.index("table_local_miss"))

FETCH, STORE1, ONE = int(Kind.FETCH), int(Kind.STORE1), np.uint64(1)
PAGE, OFFSET, FRAME_SHIFT = np.uint64(PAGE_SHIFT), np.uint64((1 << PAGE_SHIFT) - 1), np.uint64(ENTRY_FRAME_SHIFT)
VALID, ENTRY_SHIFT, IN_TABLE, LEVEL_BITS = np.uint64(ENTRY_VALID), np.uint64(3), np.uint64(511), np.uint64(9)
NOWHERE = 255
"""Node of a machine page that nobody missed on yet."""


class Cached(NamedTuple):
    """Caches, translation and nodes of one machine."""

    counts: np.ndarray  # i64, the kernel's
    frames: Frames
    caches: Caches
    node: np.ndarray  # u8[cpus]
    home: np.ndarray  # u8 by machine page: node that holds it, or NOWHERE
    turn: np.ndarray  # u64[1]: node whose turn it is to hold the next page
    served: np.ndarray  # i64[windows, cpus, nodes] flat: requests of a CPU to a node's memory
    first: np.uint64  # the first of the memory's counters
    bypass: np.uint64  # frame that stands for pages that no cache holds
    nodes: np.uint64
    window: np.int64  # instructions in a window of ``served``
    windows: np.uint64
    placed: np.uint64  # 1: where a page goes is decided when it is first missed on
    spread: np.uint64  # 1: pages go to nodes in turn; 0: to the node that misses first
    direct: np.uint64  # 1: hardware walkers look in the first-level data cache
    monitor: np.uint64  # first machine page of the monitor's structures
    room: np.uint64  # machine pages of each of them
    shadow: np.uint64  # first machine page of its shadow tables
    nested: np.ndarray  # u64[4]: first machine page of its nested tables, by level
    policy: Any  # a type of replay.memory.policy


@inline
def refer(m, at, ref):
    """A reference of the guest; the common case is a line that was one of the last two used in its set."""
    frame = np.uint64(m.frames.page[np.uint64(ref.page)])
    if frame == m.bypass:
        return NOTHING
    address = (policy.machine_page(m.policy, at.vcpu, frame) << PAGE) | (np.uint64(ref.info) & OFFSET)
    kind = np.uint64(ref.kind)
    if likely(front.at_hand(m.caches.first, at.vcpu, kind, address) != NOTHING):
        return NOTHING
    return _beyond(m, at.vcpu, at.base, at.retired, kind, frame, address)


@helper
def _beyond(m, cpu, base, retired, kind, frame, address):
    """A reference whose line is not at hand."""
    side, stores, moved = np.uint64(kind != FETCH), np.uint64(kind >= STORE1), NOTHING
    if stores == NOTHING:
        took = hw.read(m.caches, cpu, side, address)
    else:
        moved = policy.before_store(m.policy, m, base, frame)
        if moved != NOTHING:
            address = (policy.machine_page(m.policy, cpu, frame) << PAGE) | (address & OFFSET)
        took = hw.store(m.caches, cpu, address)
    if took == hw.HIT:
        return moved
    away = _count(m, cpu, base, retired, took, address)
    if took & (hw.MEMORY | hw.UPGRADE) == NOTHING or moved != NOTHING:
        return moved
    return policy.after_miss(m.policy, m, cpu, base, retired, frame, stores, away)


@inline
def _count(m, cpu, base, retired, took, address):
    """Count what a reference took, by the node that serves it; 1 if that is another node, else 0."""
    first, away = base + m.first, NOTHING
    if took & hw.L2_HIT:
        m.counts[first + L2_HITS] += 1
    if took & (hw.MEMORY | hw.UPGRADE):
        away = _served(m, cpu, retired, address)
        m.counts[first + away + (LOCAL_MISSES if took & hw.MEMORY else LOCAL_UPGRADES)] += 1
        if took & hw.DIRTY_ELSEWHERE:
            m.counts[first + DIRTY_MISSES] += 1
    if took & hw.WROTE_BACK:
        m.counts[first + WRITE_BACKS] += 1
    m.counts[first + LINES_LOST] += np.int64(took >> hw.LOST_SHIFT)
    return away


@inline
def _served(m, cpu, retired, address):
    """0 if the CPU's own node serves ``address``, else 1; the request is noted."""
    page = address >> PAGE
    if m.home[page] == NOWHERE:
        _settle(m, cpu, page)
    home = np.uint64(m.home[page])
    window, last = np.uint64(retired // m.window), m.windows - ONE
    window = last if last < window else window
    m.served[(window * m.caches.cpus + cpu) * m.nodes + home] += 1
    return np.uint64(home != np.uint64(m.node[cpu]))


@inline
def _settle(m, cpu, page):
    """Decide which node holds a machine page that nobody missed on before."""
    if m.spread != 0:
        m.home[page] = m.turn[0]
        m.turn[0] = (m.turn[0] + ONE) % m.nodes
    else:
        m.home[page] = m.node[cpu]


# -- page tables ------------------------------------------------------------------------------------------------------


@inline
def read_table(m, at, page, level):
    """A hardware walker reads an entry of 8 bytes, from the second level or, if it may, from the first."""
    frame = frames.frame_of_table(m.frames, at.vcpu, np.uint64(page), np.uint64(level))
    index = (m.frames.vpn[np.uint64(page)] >> (LEVEL_BITS * np.uint64(level))) & IN_TABLE
    _read_entry(m, at.vcpu, at.base, at.retired, frame, index << ENTRY_SHIFT, m.direct)


@inline
def read_shadow(m, at, page, level):
    """A shadow table lies in a page of the monitor's, numbered as the guest's table is; each CPU has a root."""
    number = m.shadow + np.uint64(m.frames.table.size) + at.vcpu
    if level != frames.ROOT:
        number = m.shadow + np.uint64(m.frames.tables[np.uint64(level) * m.frames.pages + np.uint64(page)])
    index = (m.frames.vpn[np.uint64(page)] >> (LEVEL_BITS * np.uint64(level))) & IN_TABLE
    _read_own(m, at.vcpu, at.base, at.retired, (number << PAGE) | (index << ENTRY_SHIFT), m.direct)


@inline
def read_nested(m, at, frame, level):
    """Nested tables of all levels lie one behind the other in pages of the monitor's."""
    number = m.nested[np.uint64(level)] + (frame >> (LEVEL_BITS * (np.uint64(level) + ONE)))
    index = (frame >> (LEVEL_BITS * np.uint64(level))) & IN_TABLE
    _read_own(m, at.vcpu, at.base, at.retired, (number << PAGE) | (index << ENTRY_SHIFT), m.direct)


@helper
def _read_own(m, cpu, base, retired, address, direct):
    """The monitor's own page tables are never moved."""
    _table(m, cpu, base, retired, address, direct)


@helper
def _read_entry(m, cpu, base, retired, frame, offset, direct):
    address = (policy.machine_page(m.policy, cpu, frame) << PAGE) | offset
    _table(m, cpu, base, retired, address, direct)


@inline
def _table(m, cpu, base, retired, address, direct):
    took = hw.read(m.caches, cpu, front.DATA, address) if direct != NOTHING else hw.walk(m.caches, cpu, address)
    first = base + m.first
    m.counts[first + TABLE_REFERENCES] += 1
    if took & hw.L2_HIT:
        m.counts[first + TABLE_HITS] += 1
    if took & hw.MEMORY:
        m.counts[first + TABLE_MISSES + _served(m, cpu, retired, address)] += 1
    if took & hw.WROTE_BACK:
        m.counts[first + WRITE_BACKS] += 1


@helper
def run_handler(m, at, code, lines, page):
    """Fetch the handler's lines from its beginning, then load both halves of a page pair's entries: one line."""
    frame = np.uint64(m.frames.page[np.uint64(code)])
    if code != 0 and frame != m.bypass:
        start = policy.machine_page(m.policy, at.vcpu, frame) << PAGE
        for line in range(lines):
            address = start | ((np.uint64(line) << m.caches.first.shift[front.CODE]) & OFFSET)
            took = hw.read(m.caches, at.vcpu, front.CODE, address)
            if took != hw.HIT:
                _count(m, at.vcpu, at.base, at.retired, took, address)
    if page != 0:
        table = frames.frame_of_table(m.frames, at.vcpu, np.uint64(page), NOTHING)
        index = m.frames.vpn[np.uint64(page)] & IN_TABLE
        _read_entry(m, at.vcpu, at.base, at.retired, table, index << ENTRY_SHIFT, ONE)


@helper
def read_monitor(m, at, table, offset):
    """A structure of the monitor lies in machine pages of its own, those of each CPU on the CPU's node or in turn."""
    page = m.monitor + table * m.room + ((offset >> PAGE) % m.room)
    _table(m, at.vcpu, at.base, at.retired, (page << PAGE) | (offset & OFFSET), ONE)


@helper
def follow(m, at, row):
    """Pages lie where the guest's tables say; a TLB write says it too."""
    if row.kind == Kind.TLB_WRITE:
        _map(m, np.uint64(row.page), row.payload[0])
        _map(m, np.uint64(row.page) + ONE, row.payload[1])
    else:
        frames.follow(m.frames, at.vcpu, row)


@inline
def _map(m, page, entry):
    frame = entry >> FRAME_SHIFT
    if entry & VALID and frame < m.frames.memory and np.uint64(m.frames.page[page]) != m.bypass:
        m.frames.page[page] = frame


@inline
def give_back(m, at, frame):
    """The next page of a frame that the guest freed is placed by whoever misses on it first."""
    if frame < m.frames.memory:
        policy.release(m.policy, m, at.base, frame)
        if m.placed != NOTHING:
            m.home[frame] = NOWHERE


hooks.bind(
    Cached,
    refer=refer,
    follow=follow,
    read_table=read_table,
    read_shadow=read_shadow,
    read_nested=read_nested,
    run_handler=run_handler,
    read_monitor=read_monitor,
    give_back=give_back,
)
