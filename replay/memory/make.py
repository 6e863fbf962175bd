"""Memory before the first row: empty caches, pages that no node holds yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from replay.errors import UserError
from replay.hw import caches, walk_caches
from replay.memory import cached, policy
from replay.memory.cached import NOWHERE, Cached
from replay.memory.contention import NO_REQUESTS, Requests
from replay.memory.hooks import Flat
from replay.memory.parameters import BLOCKED, CACHES, CONTENTION, FIRST_TOUCH, ROUND_ROBIN
from replay.memory.policy import Policy, Still
from replay.mmu import frames
from replay.mmu.frames import Frames
from replay.prepare import Prepared, retired_in
from replay.trace.schema import PAGE_BYTES, Segment

ROUND = 4096
"""Pages that a node's copies of all frames are a multiple of: a copy falls into the same sets as what it copies."""

MOST_PAGES = 1 << 24
MOST_WINDOWS = 10_000
PMAP_ENTRY = 16


def make_memory(
    prepared: Prepared, settings: Mapping[str, Any], counts: np.ndarray, counters: tuple[str, ...]
) -> Flat | Cached:
    """The memory that ``settings`` state, which ticks ``counts`` by the numbers of ``counters``.  Raises UserError."""
    if not settings.get(CACHES):
        return Flat(np.uint64(0))
    cpus = prepared.meta.vcpus
    node = nodes_of_cpus(cpus, settings)
    nodes = settings["memory.nodes"] or int(node[-1]) + 1
    guest = guest_frames(prepared)
    count = -(-(frames.number_of_frames(guest) + 1) // ROUND) * ROUND
    room = max(16, count * PMAP_ENTRY // PAGE_BYTES)
    places = settings.get("numa.placement", settings["memory.layout"])
    copies = count * nodes if moves_pages(settings) and nodes > 1 else 0
    monitor = count + copies
    shadow = monitor + (cpus + 1) * room
    sizes = [guest.table.size + cpus, *((count >> 9 * level) + 1 for level in (1, 2, 3, 4))]
    tables = shadow + np.cumsum([0, *sizes])
    machine_pages = int(tables[-1])
    if machine_pages > MOST_PAGES:
        size = machine_pages * PAGE_BYTES >> 30
        raise UserError(f"a machine with caches would need {size} GB for this trace; the most is {MOST_PAGES >> 18} GB")
    guest.page[np.isin(prepared.pages.segment, (Segment.DEVICE, Segment.UNCACHED))] = count - 1
    windows = retired_in(prepared) // settings["memory.window"] + 1
    if windows > MOST_WINDOWS:
        least = windows * settings["memory.window"] // MOST_WINDOWS + 1
        raise UserError(
            f"memory.window = {settings['memory.window']} makes {windows:,} windows; give at least {least:,}"
        )
    home = np.full(machine_pages, NOWHERE, np.uint8)
    home[:count] = layout(count, prepared.meta.memory_bytes // PAGE_BYTES, nodes, places)
    home[count : count + copies] = np.repeat(np.arange(copies // count), count)
    home[monitor : monitor + cpus * room] = np.repeat(node, room)
    home[monitor + cpus * room : shadow] = np.arange(room) % nodes
    return Cached(
        counts=counts,
        frames=guest,
        caches=caches.make_caches(cpus, machine_pages * PAGE_BYTES, settings),
        node=node,
        home=home,
        turn=np.zeros(1, np.uint64),
        served=np.zeros(windows * cpus * nodes, np.int64),
        first=np.uint64(counters.index(cached.NAMES[0])),
        bypass=np.uint64(count - 1),
        nodes=np.uint64(nodes),
        window=np.int64(settings["memory.window"]),
        windows=np.uint64(windows),
        placed=np.uint64(places in (FIRST_TOUCH, ROUND_ROBIN)),
        spread=np.uint64(places == ROUND_ROBIN),
        direct=np.uint64(settings["memory.walks"] == "first"),
        monitor=np.uint64(monitor),
        room=np.uint64(room),
        shadow=np.uint64(shadow),
        nested=tables[1:5].astype(np.uint64),
        policy=make_policy(node, nodes, count, settings, counters) if copies else Still(np.uint64(count)),
    )


def moves_pages(settings: Mapping[str, Any]) -> bool:
    """Whether a monitor moves or copies pages.  Raises UserError for thresholds that contradict each other."""
    if not (settings.get("numa.migrate") or settings.get("numa.replicate")):
        return False
    if settings["numa.sharing"] > settings["numa.trigger"]:
        raise UserError(
            f"numa.sharing = {settings['numa.sharing']} is above numa.trigger = {settings['numa.trigger']}: a "
            "page that two nodes use alike would count as used by one; give at most numa.trigger"
        )
    return True


def make_policy(
    node: np.ndarray, nodes: int, count: int, settings: Mapping[str, Any], counters: tuple[str, ...]
) -> Policy:
    """A monitor of ``count`` frames that saw no miss yet; ``node`` is by CPU."""

    def by_frame(times: int = 1) -> np.ndarray:
        return np.zeros(count * times, np.uint32)

    def number(name: str) -> np.uint64:
        return np.uint64(settings[f"numa.{name}"])

    return Policy(
        machine=np.tile(np.arange(count, dtype=np.uint32), nodes),
        lane=node.astype(np.uint64) * np.uint64(count),
        misses=by_frame(node.size),
        writes=by_frame(),
        migrated=by_frame(),
        interval=by_frame(),
        moves=by_frame(),
        master=np.arange(count, dtype=np.uint32),
        copies=by_frame(),
        first=np.uint64(counters.index(policy.NAMES[0])),
        frames=np.uint64(count),
        migrates=number("migrate"),
        replicates=number("replicate"),
        trigger=number("trigger"),
        sharing=number("sharing"),
        write=number("write"),
        migrations=number("migrations"),
        limit=number("moves"),
        reset=np.int64(settings["numa.reset"]),
    )


def nodes_of_cpus(cpus: int, settings: Mapping[str, Any]) -> np.ndarray:
    """By CPU: the node that it is on; u8.  Raises UserError for a machine that has too few CPUs."""
    nodes, each = settings["memory.nodes"], settings["memory.cpus_per_node"]
    if nodes and nodes * each < cpus:
        raise UserError(
            f"memory.nodes = {nodes} of memory.cpus_per_node = {each} make {nodes * each} CPUs, "
            f"and the trace has {cpus} virtual CPUs; give more of either"
        )
    found: np.ndarray = (np.arange(cpus) // each).astype(np.uint8)
    return found


def guest_frames(prepared: Prepared) -> Frames:
    """Where the guest's pages lie, before the first row."""
    pages = prepared.pages
    names = [f"tables.{level}_{what}" for level in walk_caches.LEVELS for what in ("entries", "ways")]
    tables = walk_caches.make_caches(
        "tables", prepared.meta.vcpus, pages.vpn, (pages.leaf, pages.middle, pages.upper), dict.fromkeys(names, 0)
    )
    return frames.make_frames(prepared, tables)


def layout(count: int, memory: int, nodes: int, how: str) -> np.ndarray:
    """By machine page: the node that holds it from the start, or NOWHERE; u8.  ``memory`` are the guest's pages."""
    if how in (FIRST_TOUCH, ROUND_ROBIN):
        return np.full(count, NOWHERE, np.uint8)
    number = np.arange(count)
    held: np.ndarray = (np.minimum(number * nodes // memory, nodes - 1) if how == BLOCKED else number % nodes).astype(
        np.uint8
    )
    return held


def requests(memory: Flat | Cached, settings: Mapping[str, Any]) -> Requests:
    """What CPUs asked of nodes by now, where ``settings`` let them wait for it."""
    if not isinstance(memory, Cached) or not settings[CONTENTION]:
        return NO_REQUESTS
    shape = int(memory.windows), memory.node.size, int(memory.nodes)
    return Requests(memory.served.reshape(shape), memory.node, int(memory.window))


def forget_requests(memory: Flat | Cached) -> None:
    """Let nobody have asked anything of nodes yet; what is where stays."""
    if isinstance(memory, Cached):
        memory.served[:] = 0
