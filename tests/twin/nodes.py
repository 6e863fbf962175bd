"""A slow twin of ``replay.memory``: nodes, pages and their copies as objects, over the twin of the caches.

It moves what memory holds with the pages, so that a load which found a stale copy would read an old store's value.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from .snooping import Bus

PAGE = 4096


class Page:
    """A frame's place in the machine: its master, copies by node, and what the monitor counted."""

    def __init__(self, frame: int, home: int | None) -> None:
        self.frame, self.home, self.master = frame, home, frame
        self.copies: dict[int, int] = {}
        self.misses: Counter[int] = Counter()
        self.writes = self.migrated = self.moves = self.interval = 0


class Nodes:
    """A machine of ``nodes`` nodes that runs a monitor with the policy in ``settings``."""

    def __init__(self, cpus: int, nodes: int, frames: int, memory: int, settings: Mapping[str, Any]) -> None:
        """``frames`` is how far a node's copies are apart, ``memory`` how many pages the guest has."""
        self.bus, self.settings, self.nodes, self.frames, self.memory = (
            Bus(cpus, settings),
            settings,
            nodes,
            frames,
            memory,
        )
        self.node = [cpu // settings["memory.cpus_per_node"] for cpu in range(cpus)]
        self.pages: dict[int, Page] = {}
        self.home_of: dict[int, int] = {}
        self.turn = 0
        self.counts: Counter[str] = Counter()
        self.last: dict[tuple[int, int], int] = {}

    def page(self, frame: int) -> Page:
        """The page of a frame, placed at once where the layout is fixed."""
        if frame not in self.pages:
            where = self.settings["numa.placement"]
            fixed = {"striped": frame % self.nodes, "blocked": min(frame * self.nodes // self.memory, self.nodes - 1)}
            self.pages[frame] = Page(frame, fixed.get(where))
        return self.pages[frame]

    def number(self, page: Page, node: int) -> int:
        """The machine page that ``node`` would hold it in."""
        return page.frame if page.home == node else page.frame + (node + 1) * self.frames

    def node_of(self, page: Page, number: int) -> int:
        """The node that holds machine page ``number``; decided now if it was not."""
        if number >= self.frames:
            return number // self.frames - 1
        if page.home is None:
            page.home = 0
        return page.home

    def refer(self, cpu: int, frame: int, offset: int, what: str, retired: int) -> None:
        """A fetch, load or store of CPU ``cpu``."""
        page, moved = self.page(frame), False
        if what == "store" and page.copies:
            self.collapse(page)
            moved = True
        node = self.node[cpu]
        number = page.copies.get(node, page.master)
        address = number * PAGE + offset
        if what == "store":
            took, lost = self.bus.write(cpu, address)
            self.last[frame, offset] = self.bus.stores
            self.counts["line_lost"] += lost
        else:
            took = self.bus.read(cpu, address, self.bus.code if what == "fetch" else self.bus.data)
        assert self.last.get((frame, offset), 0) == self.bus.seen(cpu, address)
        self.counts["l2_hit"] += "L2_HIT" in took
        self.counts["write_back"] += "WROTE_BACK" in took
        if "MEMORY" in took or "UPGRADE" in took:
            self.miss(cpu, page, number, "miss" if "MEMORY" in took else "upgrade", what, retired, moved)
            self.counts["dirty_miss"] += "DIRTY_ELSEWHERE" in took

    def miss(self, cpu: int, page: Page, number: int, kind: str, what: str, retired: int, moved: bool) -> None:
        """Count a miss by the node that serves it, and let the monitor see it."""
        if number < self.frames and page.home is None:
            turns = self.settings["numa.placement"] == "round-robin"
            page.home = self.turn if turns else self.node[cpu]
            self.turn = (self.turn + turns) % self.nodes
        away = self.node_of(page, number) != self.node[cpu]
        self.counts[f"{'remote' if away else 'local'}_{kind}"] += 1
        if not moved:
            self.notice(cpu, page, what, retired, away=away)

    def notice(self, cpu: int, page: Page, what: str, retired: int, *, away: bool) -> None:
        """The monitor's policy."""
        s = self.settings
        interval = retired // s["numa.reset"] + 1
        if interval > page.interval:
            page.interval, page.writes, page.migrated = interval, 0, 0
            page.misses.clear()
        page.writes += what == "store"
        page.misses[cpu] += 1
        if not away or page.misses[cpu] < s["numa.trigger"]:
            return
        page.misses[cpu] = 0
        self.counts["hot_page"] += 1
        others = [c for c, n in page.misses.items() if self.node[c] != self.node[cpu] and n >= s["numa.sharing"]]
        if page.moves >= s["numa.moves"]:
            return
        if others or page.copies:
            if s["numa.replicate"] and page.writes < s["numa.write"]:
                self.replicate(self.node[cpu], page)
        elif s["numa.migrate"] and page.migrated < s["numa.migrations"]:
            self.migrate(self.node[cpu], page)

    def copy(self, old: int, new: int) -> None:
        """Memory of one machine page to another."""
        line = self.bus.line
        for at in range(0, PAGE, line):
            content = self.bus.memory.get((old * PAGE + at) // line, {})
            self.bus.memory[(new * PAGE + at) // line] = {a + (new - old) * PAGE: v for a, v in content.items()}

    def migrate(self, node: int, page: Page) -> None:
        self.bus.purge(page.master * PAGE, PAGE)
        new = self.number(page, node)
        self.copy(page.master, new)
        page.master = new
        page.migrated += 1
        page.moves += 1
        self.counts["migration"] += 1

    def replicate(self, node: int, page: Page) -> None:
        for at in range(page.master * PAGE, page.master * PAGE + PAGE, self.bus.line):
            for _, held in self.bus.copies(at, -1):
                if held.state == "M":
                    held.state = "E"
                    self.bus.memory[at // self.bus.line] = dict(held.content)
        page.copies[node] = self.number(page, node)
        self.copy(page.master, page.copies[node])
        page.moves += 1
        self.counts["replication"] += 1

    def collapse(self, page: Page) -> None:
        self.counts["collapse"] += 1
        self.drop(page)

    def drop(self, page: Page) -> None:
        for number in page.copies.values():
            self.bus.purge(number * PAGE, PAGE)
        self.counts["replica_dropped"] += len(page.copies)
        page.copies = {}

    def free(self, frame: int) -> None:
        """The guest frees a frame: what it held is forgotten."""
        page = self.page(frame)
        self.drop(page)
        self.bus.purge(page.master * PAGE, PAGE)
        for first in {frame, page.master}:
            for at in range(first * PAGE, first * PAGE + PAGE, self.bus.line):
                self.bus.memory.pop(at // self.bus.line, None)
        self.last = {key: value for key, value in self.last.items() if key[0] != frame}
        del self.pages[frame]
