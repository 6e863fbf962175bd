"""Where a monitor puts pages: it counts misses by page and CPU, and moves or copies pages that are hot far away.

A page is *hot* when a CPU has missed on it ``trigger`` times within an interval and the page is another node's.  If
CPUs of other nodes missed on it too, at least ``sharing`` times, it is *shared*: read-shared pages are replicated on
the node that asks, write-shared ones (``write`` write misses) are left alone.  A page that only one node uses migrates
there, at most ``migrations`` times in an interval.  A page moves at most ``limit`` times as long as it is in use.  The
first store to a replicated page collapses it to its master.  These are the rules of Verghese et al., ASPLOS 1996, on
which the Disco paper's rest.

The copy of a frame on node n is machine page ``frame + (n + 1) * frames``, so that it falls into the same sets of a
cache.  Whoever calls has to forget every translation of a frame whose number these functions return.

Where nobody moves pages, the policy is ``Still``, and nothing here costs anything.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from replay.hw import caches as hw
from replay.jit import helper, inline, types_by_hook

EVENTS = {
    "page placement": {
        "hot_page": "times a CPU's misses on a page of another node reached the trigger",
        "migration": "pages moved to the node that uses them",
        "replication": "copies made of read-shared pages",
        "collapse": "replicated pages that a store made one page again",
        "replica_dropped": "copies given back, by collapses and with pages that the guest freed",
        "page_shootdown": "CPUs interrupted because their TLB held a page that moved",
    }
}
"""Mechanism -> counters of models that place pages, on a machine with caches; they follow those of the caches."""

NAMES = tuple(EVENTS["page placement"])
HOT, MIGRATIONS, REPLICATIONS, COLLAPSES, DROPPED, SHOOTDOWNS = (np.uint64(n) for n in range(len(NAMES)))

ZERO, ONE, PAGE, PAGE_SIZE = np.uint64(0), np.uint64(1), np.uint64(12), np.uint64(4096)


class Still(NamedTuple):
    """No page is ever moved: a frame's machine page has its number."""

    frames: np.uint64


class Policy(NamedTuple):
    """What the monitor knows of each frame, and its thresholds."""

    machine: np.ndarray  # u32[nodes * frames]: machine page by node and frame
    lane: np.ndarray  # u64[cpus]: where the row of the CPU's node begins in ``machine``
    misses: np.ndarray  # u32[frames * cpus]: in the frame's interval
    writes: np.ndarray  # u32 by frame: misses and upgrades of stores in the interval
    migrated: np.ndarray  # u32 by frame: in the interval
    interval: np.ndarray  # u32 by frame: the one that these were counted in
    moves: np.ndarray  # u32 by frame
    master: np.ndarray  # u32 by frame: machine page, of a replicated one that which was there first
    copies: np.ndarray  # u32 by frame: a bit by node that has a copy
    first: np.uint64  # the first of these counters
    frames: np.uint64  # machine pages of a node's copies
    migrates: np.uint64  # 1 if pages migrate
    replicates: np.uint64  # 1 if they are replicated
    trigger: np.uint64
    sharing: np.uint64
    write: np.uint64
    migrations: np.uint64
    limit: np.uint64
    reset: np.int64  # instructions in an interval


def machine_page(policy: Any, cpu: Any, frame: Any) -> Any:
    """The machine page that ``cpu`` finds a frame in."""
    raise TypeError(f"compiled code only: {policy} {cpu} {frame}")


def before_store(policy: Any, m: Any, base: Any, frame: Any) -> Any:
    """A store to ``frame`` may take its copies away: one more than ``frame`` if it did, else 0."""
    raise TypeError(f"compiled code only: {policy} {m} {base} {frame}")


def after_miss(policy: Any, m: Any, cpu: Any, base: Any, retired: Any, frame: Any, stores: Any, away: Any) -> Any:
    """Note a miss of ``cpu`` (``away`` 1: on another node); one more than ``frame`` if it moved, else 0."""
    raise TypeError(f"compiled code only: {policy} {m} {cpu} {base} {retired} {frame} {stores} {away}")


def release(policy: Any, m: Any, base: Any, frame: Any) -> Any:
    """The guest freed a frame: its copies go, and its next page is its first one again."""
    raise TypeError(f"compiled code only: {policy} {m} {base} {frame}")


def interrupted(policy: Any, m: Any, base: Any, cpus: Any) -> Any:
    """Count the CPUs that were interrupted because a page moved."""
    raise TypeError(f"compiled code only: {policy} {m} {base} {cpus}")


@inline
def _same_page(_policy, _cpu, frame):
    return frame


@inline
def _no_copies(_policy, _m, _base, _frame):
    return ZERO


@inline
def _not_noted(_policy, _m, _cpu, _base, _retired, _frame, _stores, _away):
    return ZERO


@inline
def _nothing(_policy, _m, _base, _what):
    pass


@inline
def _mapped_page(p, cpu, frame):
    return np.uint64(p.machine[p.lane[cpu] + frame])


@inline
def _collapse_copies(p, m, base, frame):
    return _collapse(m, base, frame) if p.copies[frame] != 0 else ZERO


@helper
def _noted(_p, m, cpu, base, retired, frame, stores, away):
    p, cpus = m.policy, m.caches.cpus
    _begin_interval(p, cpus, frame, np.uint32(retired // p.reset) + np.uint32(1))
    p.writes[frame] += np.uint32(stores)
    mine = frame * cpus + cpu
    p.misses[mine] += np.uint32(1)
    if away == ZERO or p.misses[mine] < p.trigger:
        return ZERO
    p.misses[mine] = 0
    m.counts[base + p.first + HOT] += 1
    if p.moves[frame] >= p.limit:
        return ZERO
    if p.copies[frame] != 0 or _is_shared(m, cpu, frame):
        return _replicate(m, cpu, base, frame) if p.replicates != ZERO and p.writes[frame] < p.write else ZERO
    return _migrate(m, cpu, base, frame) if p.migrates != ZERO and p.migrated[frame] < p.migrations else ZERO


@inline
def _begin_interval(p, cpus, frame, now):
    """Counters start anew at the first miss of an interval; a CPU that is behind counts into the later one."""
    if now > p.interval[frame]:
        p.interval[frame] = now
        p.writes[frame] = 0
        p.migrated[frame] = 0
        for cpu in range(cpus):
            p.misses[frame * cpus + np.uint64(cpu)] = 0


@inline
def _is_shared(m, cpu, frame):
    """Whether CPUs of other nodes use the frame too."""
    for number in range(m.caches.cpus):
        other = np.uint64(number)
        if m.node[other] != m.node[cpu] and m.policy.misses[frame * m.caches.cpus + other] >= m.policy.sharing:
            return True
    return False


@inline
def _page_on(m, node, frame):
    """The machine page of a frame on ``node``."""
    return frame if np.uint64(m.home[frame]) == node else frame + (node + ONE) * m.policy.frames


@inline
def _map_all(m, frame, page):
    for node in range(m.nodes):
        m.policy.machine[np.uint64(node) * m.policy.frames + frame] = page


@inline
def _migrate(m, cpu, base, frame):
    p, node = m.policy, np.uint64(m.node[cpu])
    hw.purge_page(m.caches, np.uint64(p.master[frame]) << PAGE, PAGE_SIZE)
    p.master[frame] = _page_on(m, node, frame)
    _map_all(m, frame, p.master[frame])
    p.migrated[frame] += np.uint32(1)
    p.moves[frame] += np.uint32(1)
    m.counts[base + p.first + MIGRATIONS] += 1
    return frame + ONE


@inline
def _replicate(m, cpu, base, frame):
    p, node = m.policy, np.uint64(m.node[cpu])
    if p.copies[frame] == 0:
        hw.clean_page(m.caches, np.uint64(p.master[frame]) << PAGE, PAGE_SIZE)
    p.copies[frame] |= np.uint32(ONE << node)
    p.machine[node * p.frames + frame] = _page_on(m, node, frame)
    p.moves[frame] += np.uint32(1)
    m.counts[base + p.first + REPLICATIONS] += 1
    return frame + ONE


@helper
def _collapse(m, base, frame):
    """Take a replicated frame's copies away; one more than ``frame``."""
    p = m.policy
    m.counts[base + p.first + COLLAPSES] += 1
    m.counts[base + p.first + DROPPED] += np.int64(_drop_copies(m, frame))
    return frame + ONE


@inline
def _drop_copies(m, frame):
    """How many there were."""
    p, dropped = m.policy, ZERO
    for number in range(m.nodes):
        node = np.uint64(number)
        if np.uint64(p.copies[frame]) >> node & ONE:
            hw.purge_page(m.caches, np.uint64(p.machine[node * p.frames + frame]) << PAGE, PAGE_SIZE)
            dropped += ONE
    p.copies[frame] = 0
    _map_all(m, frame, p.master[frame])
    return dropped


@helper
def _release(p, m, base, frame):
    m.counts[base + p.first + DROPPED] += np.int64(_drop_copies(m, frame))
    hw.purge_page(m.caches, np.uint64(p.master[frame]) << PAGE, PAGE_SIZE)
    p.master[frame] = frame
    p.moves[frame] = 0
    p.interval[frame] = 0
    _map_all(m, frame, frame)


@inline
def _interrupted(p, m, base, cpus):
    m.counts[base + p.first + SHOOTDOWNS] += np.int64(cpus)


types_by_hook(machine_page, {Still: _same_page, Policy: _mapped_page})
types_by_hook(before_store, {Still: _no_copies, Policy: _collapse_copies})
types_by_hook(after_miss, {Still: _not_noted, Policy: _noted})
types_by_hook(release, {Still: _nothing, Policy: _release})
types_by_hook(interrupted, {Still: _nothing, Policy: _interrupted})
