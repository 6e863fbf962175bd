"""The slow twin of agile paging: sets of pages that the upper shadow reaches, over the twin of nested paging."""

from __future__ import annotations

from typing import Any

from replay.prepare import Prepared

from .walking import NaiveEpt


class NaiveAgile(NaiveEpt):
    """Shadow tables above a switch level, the guest's own below."""

    def __init__(self, prepared: Prepared, settings: dict[str, Any]) -> None:
        super().__init__(prepared, {**settings, "apic.virtual": 0})
        self.lowest = settings["agile.switch_level"]
        self.shadow: dict[int, bool] = {}
        self.old: set[int] = set()
        self.watched: set[tuple[int, int]] = set()  # level and region; of roots, the space
        self.in_frame: dict[int, tuple[int, int]] = {}
        self.loaded = dict.fromkeys(range(prepared.meta.vcpus), 0)
        self.cached: list[int] = []

    def tick(self, counter: str, n: int = 1) -> None:
        super().tick("cr3_exit" if counter == "base_switch" else counter, n)

    def known_space(self, space: int) -> int:
        return space if space in self.spaces else -1

    def unit(self, level: int, page: int) -> int:
        return self.regions[level - 1][page] if level < 4 else self.address(page)[0]

    def pages(self, level: int, page: int) -> list[int]:
        """Those that an entry of ``level`` for ``page`` leads to."""
        return [p for p in range(2, len(self.regions[0])) if self.unit(level, p) == self.unit(level, page)]

    def forget(self, pages: list[int]) -> None:
        for page in pages:
            if self.shadow.pop(page, False):
                self.lose(page)

    def lose(self, page: int) -> None:
        for one in self.tlbs:
            one.drop(*self.address(page))
            one.caches.clear()

    def walk(self, page: int) -> None:
        large = self.region(page) in self.large
        if page not in self.shadow:
            self.tick("hidden_fault")
            self.leave()
            self.tick("guest_walk_reference", 4 - max(self.lowest, int(large)))
            self.shadow |= dict.fromkeys(self.pages(self.lowest, page), True)
            self.lose(page)
            self.watched |= {(level, self.regions[level][page]) for level in range(self.lowest, 3)}
            self.watched |= {(3, self.loaded[self.cpu])} if self.lowest < 4 else set()
        tables = self.tlb.caches.walk(*self.address(page), large)
        self.tick("page_walk")
        self.tick("walk_reference", len(tables))
        known = max(self.lowest, large + 1) - 1
        below = [level for level in tables if level < known and (level != tables[0] or level == 3)]
        frames = [self.table_frame.get(n, n) for n in (self.table(level, page) for level in below)]
        if self.cause not in (4, 5):
            frames.append(self.page_frame.get(page, self.first_page + page))
        if sum([self.translate(frame) for frame in frames]):
            self.leave()

    def event(self, kind: int, info: int, page: int, kept: bool) -> None:
        old, new, frame = [*self.payload, 0, 0, 0][:3]
        if kind == 31:
            self.leave()
        super().event(kind, info, page, kept)
        if kind == 24:
            self.entry(info >> 12, page, bool(old & 1) and old != new, frame)
        elif kind == 26:
            self.watched.discard(self.in_frame.get(page, (-1, -1)))
        elif kind == 27 and info == 3 and page < self.memory:
            self.in_frame[page] = (3, self.known_space(new))
        elif kind == 30 and self.known_space(page) in self.cached:
            self.cached.remove(self.known_space(page))
            self.end(self.known_space(page))
        elif kind == 31:
            self.load(self.known_space(page))

    def entry(self, level: int, page: int, revoked: bool, frame: int) -> None:
        if page and level < 3:
            table = (level, self.regions[level][page])
            if frame < self.memory:
                self.in_frame[frame] = table
        else:
            table = self.in_frame.get(frame, (-1, -1))
        if table in self.watched:
            self.leave()
            self.tick("traced_store")
            if level and revoked and page:
                gone = self.pages(min(level, 4), page)
                self.forget(gone)
                self.watched -= {(low, self.regions[low][p]) for p in gone for low in range(min(level, 3))}

    def load(self, space: int) -> None:
        self.loaded[self.cpu] = space
        if space == 0:
            return
        if space in self.cached:
            self.cached.remove(space)
        elif len(self.cached) == self.settings["shadow.spaces"]:
            self.tick("space_discarded")
            self.end(self.cached.pop(0))
        self.cached.append(space)

    def end(self, space: int) -> None:
        pages = [p for p in range(2, len(self.regions[0])) if self.address(p)[0] == space]
        self.forget(pages)
        self.watched -= {(level, self.regions[level][p]) for p in pages for level in range(3)} | {(3, space)}
