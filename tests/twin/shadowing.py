"""Shadow paging once more, slowly: dictionaries keyed by space and virtual page number, no code shared with kernels."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from replay.prepare import Prepared

from .walker import Walker

DEVICE, UNMAPPED, UNCACHED = 3, 1, 2
VALID, ACCESSED, DIRTY = "valid", "accessed", "dirty"
Table = tuple[str, int, int]
ROWS = {24: "entry", 26: "table_free", 27: "table_link", 30: "space_destroy", 31: "base_switch", 33: "tlb_probe"} | {
    34: "invalidate_page", 35: "invalidate_space", 36: "invalidate_all", 40: "sensitive", 48: "exception",
    62: "ipi", 72: "request", 77: "packet", 78: "packet", 79: "idle",
}  # fmt: skip


class NaiveShadow:
    """Walks the rows of a trace under a monitor with shadow page tables."""

    flushed_on_entry = True

    def __init__(self, prepared: Prepared, settings: dict[str, Any]) -> None:
        self.p, self.settings = prepared, settings
        self.counts: dict[tuple[int, int, str], int] = defaultdict(int)
        self.cpu, self.mode, self.payload = 0, 0, []
        self.place = dict.fromkeys(range(prepared.meta.vcpus), 0)
        pages = prepared.pages
        self.keys = list(zip(pages.space.tolist(), pages.vpn.tolist(), strict=True))
        self.ids = range(2, len(self.keys))
        self.hardware = [Walker(settings) for _ in range(prepared.meta.vcpus)]
        self.guest: dict[int, set[str]] = {page: {VALID, ACCESSED, DIRTY} for page in range(len(self.keys))}
        self.known: set[int] = set()
        self.large = {self.table(0, page) for page in self.ids if pages.segment[page] in (UNMAPPED, UNCACHED)}
        self.shadow: dict[int, bool] = {}  # page -> may be written
        self.old: set[int] = set()
        self.traced: dict[Table, int] = {}  # stores since the last fill
        self.unsynchronized: set[Table] = set()
        self.frames: dict[int, Table] = {}
        self.current = [0] * prepared.meta.vcpus
        self.cached: list[int] = []
        self.revoked = [False] * prepared.meta.vcpus

    def table(self, level: int, page: int) -> Table:
        space, vpn = self.keys[page]
        return ("table", space, vpn >> 9 * (level + 1) | level << 60)

    def root(self, space: int) -> Table:
        return ("root", space if space in {key[0] for key in self.keys} else -1, 0)

    def tick(self, counter: str, n: int = 1) -> None:
        self.counts[self.cpu, self.place[self.cpu], counter] += n

    # -- rows

    def run(self) -> dict[tuple[int, int, str], int]:
        services = [s.klass.name for s in self.p.meta.services]
        classes = [services[index] for index in self.p.places.inner.tolist()]
        for kind, ctx, info, page, n in zip(*(c.tolist() for c in self.p.columns), strict=True):
            self.cpu, self.mode = ctx & 15, ctx >> 4
            kept = classes[self.place[self.cpu]] != "REFILL"
            if kept:
                self.tick("instructions", n)
                self.tick("kernel_instructions", n if self.mode else 0)
            if kind == 16:
                self.payload.append(page | info << 32)
                continue
            if kind < 16 and kept:
                self.tick("references")
                self.access(int(kind != 0), kind >= 5, page)
            elif kind in (50, 51):
                self.place[self.cpu] = page
                self.tick("invocations", kind == 50 and classes[page] != "REFILL")
            elif (kind == 40 and not kept) or (kind in (32, 33) and classes[self.place[self.cpu]] == "REFILL"):
                pass
            elif kind >= 16 and kind in ROWS:
                self.payload += [0] * (4 - len(self.payload))
                getattr(self, ROWS[kind])(info, page)
            self.payload = []
        return {k: n for k, n in self.counts.items() if n}

    def exception(self, info: int, page: int) -> None:
        cause, touch = info & 31, info >> 5 & 3
        fault = 4 <= cause <= 8
        if cause == 0:
            self.tick("interrupt_exit")
            self.enter()
        elif fault:
            self.tick("true_fault")
        elif cause == 11:
            self.tick("system_call")
        elif cause > 3:
            self.tick("other_exception")
        if touch and cause != 2:
            side = int(touch != 1)
            if fault:
                self.true_fault(side, page)
            else:
                self.access(side, touch == 3, page)

    def sensitive(self, info: int, site: int) -> None:
        klass, register = int(self.p.sites.klass[site]), int(self.p.sites.register[site])
        counter = {6: "exception_return", 7: "halt_exit", 18: "halt_exit", 38: "", 39: "exception_return"}.get(
            klass, "privileged"
        )
        if klass in (19, 20, 21, 22):
            counter = "io_exit"
        elif klass in (25, 30, 31):
            counter = "cr_exit"
        elif klass in (32, 33):
            counter = "invlpg_exit"
        elif klass in (35, 36):
            counter = "msr_exit"
        elif klass >= 64:
            counter = ""
        elif klass == 24:
            counter = {0: "cr_exit", 4: "cr_exit", 3: ""}.get(register, "privileged")
        elif klass == 23 and register == 3:
            counter = "cr_exit"
        elif klass == 1 and register == 11:
            counter = "msr_exit"
        if counter:
            self.tick(counter)
        if counter.endswith("_exit"):
            self.enter()

    def ipi(self, info: int, page: int) -> None:
        self.tick("ipi_posted")

    def idle(self, info: int, units: int) -> None:
        self.tick("idle", units)

    def request(self, info: int, page: int) -> None:
        self.tick("request_emulation")

    def packet(self, info: int, page: int) -> None:
        self.tick("packet_emulation")
        self.tick("packet_byte", info)

    def enter(self) -> None:
        if self.flushed_on_entry and not self.settings["tlb.vm_tagged"]:
            self.hardware[self.cpu].flush(lambda _held: True)

    # -- references

    def access(self, side: int, store: bool, page: int) -> None:
        if self.p.pages.segment[page] == DEVICE:
            self.tick("mmio_exit")
            self.enter()
            return
        key, hardware = self.keys[page], self.hardware[self.cpu]
        permitted = page in self.shadow and (self.shadow[page] or not store)
        if hardware.hit(side, *key) and permitted:
            return
        if permitted:
            if hardware.serve(side, *key, False):
                self.tick("stlb_hit")
                return
        else:
            if page not in self.shadow:
                self.walk(key)
            self.hidden(page, store)
        self.walk(key)
        hardware.fill(side, *key, False)

    def walk(self, key: tuple[int, int]) -> None:
        self.tick("page_walk")
        self.tick("walk_reference", len(self.hardware[self.cpu].caches.walk(*key, False)))

    def read_guest(self, page: int) -> None:
        self.tick("guest_walk_reference", 3 if self.table(0, page) in self.large else 4)

    def hidden(self, page: int, store: bool) -> None:
        self.tick("dirty_fault" if page in self.shadow and page not in self.old else "hidden_fault")
        self.enter()
        self.read_guest(page)
        self.guest[page] |= {VALID, ACCESSED, DIRTY} if store else {VALID, ACCESSED}
        self.fill(page)
        self.drop_translation(page)
        leaf = self.table(0, page)
        if leaf not in self.large | self.unsynchronized:
            self.traced[leaf] = 0
        for table in (self.table(1, page), self.table(2, page), self.root(self.current[self.cpu])):
            self.traced.setdefault(table, 0)
        vpn = self.keys[page][1]
        for other in self.ids:
            near = self.table(0, other) == leaf and 0 < self.keys[other][1] - vpn <= self.settings["shadow.prefetch"]
            if near and other in self.known - self.shadow.keys() and self.guest[other] >= {VALID, ACCESSED}:
                self.tick("shadow_prefetch")
                self.fill(other)

    def fill(self, page: int) -> None:
        self.shadow[page] = DIRTY in self.guest[page]
        self.old.discard(page)

    def true_fault(self, side: int, page: int) -> None:
        key, hardware = self.keys[page], self.hardware[self.cpu]
        self.walk(key)
        self.enter()
        self.read_guest(page)
        if page in self.old:
            self.tick("entry_compared")
            self.follow(page)
        hardware.drop(*key)
        hardware.caches.forget(*key)

    # -- tables

    def drop_translation(self, page: int) -> None:
        for hardware in self.hardware:
            hardware.drop(*self.keys[page])
            hardware.caches.clear()

    def follow(self, page: int) -> None:
        self.old.discard(page)
        if self.guest[page] >= {VALID, ACCESSED}:
            self.tick("shadow_update")
            self.fill(page)
        else:
            self.shadow.pop(page, None)
        self.drop_translation(page)

    def forget(self, pages: list[int]) -> None:
        for page in pages:
            if page in self.shadow:
                del self.shadow[page]
                self.old.discard(page)
                self.drop_translation(page)

    def forget_tables(self, tables: set[Table]) -> None:
        for table in tables:
            self.traced.pop(table, None)
            self.unsynchronized.discard(table)

    def entry(self, info: int, page: int) -> None:
        level, old, new, frame = info >> 12, *self.payload[:3]
        revokes = bool(old & 1) and old != new
        if page and level < 3:
            table = self.table(level, page)
            if frame < self.p.meta.memory_bytes >> 12:
                self.frames[frame] = table
        else:
            table = self.frames.get(frame, ("none", 0, 0))
        self.note(level, page, new)
        if level == 0 and revokes:
            self.revoked[self.cpu] = True
        if table in self.traced:
            self.enter()
            self.traced[table] += 1
            policy = self.settings["shadow.policy"]
            most = {"trace": 2**32, "unsync": 1, "adaptive": self.settings["shadow.threshold"]}[policy]
            if table[0] == "table" and table[2] >> 60 == 0 and self.traced[table] >= most:
                self.tick("unsync_store")
                del self.traced[table]
                self.unsynchronized.add(table)
            else:
                self.tick("traced_store")
                if level == 0 and page:
                    self.follow(page)
                elif level and revokes and page:
                    self.cut(level, page)
        if table in self.unsynchronized and page in self.shadow:
            self.old.add(page)

    def note(self, level: int, page: int, new: int) -> None:
        says = {name for name, bits in ((VALID, 1), (ACCESSED, 16), (DIRTY, 34)) if new & bits == bits}
        if not page or level > 1:
            return
        if level == 0:
            self.guest[page], large = says, None
            self.known.add(page)
            return
        leaf = self.table(0, page)
        large = new & (1 | 3 << 7) == (1 | 1 << 7)
        for other in self.ids:
            if self.table(0, other) == leaf and (large or leaf in self.large):
                self.guest[other] = set(says) if large else set()
                self.known.add(other)
        self.large = self.large | {leaf} if large else self.large - {leaf}

    def cut(self, level: int, page: int) -> None:
        level = min(level, 3)
        region = self.table(level - 1, page)
        pages = [other for other in self.ids if self.table(level - 1, other) == region]
        self.forget(pages)
        self.forget_tables({self.table(lower, other) for other in pages for lower in range(level)})

    def table_free(self, info: int, frame: int) -> None:
        table = self.frames.get(frame, ("none", 0, 0))
        pages = [page for page in self.ids if self.table(0, page) == table and table not in self.large]
        self.forget(pages)
        for page in pages:
            self.guest[page] = set()
            self.known.add(page)
        self.forget_tables({table})

    def table_link(self, info: int, frame: int) -> None:
        if info == 3 and frame < self.p.meta.memory_bytes >> 12:
            self.frames[frame] = self.root(self.payload[1])

    # -- synchronizing

    def base_switch(self, info: int, space: int) -> None:
        self.tick("cr3_exit")
        self.enter()
        self.current[self.cpu] = space
        named = self.root(space)[1]
        if named != 0:
            if named in self.cached:
                self.cached.remove(named)
            elif len(self.cached) == self.settings["shadow.spaces"]:
                self.tick("space_discarded")
                self.forget_space(self.cached.pop(0))
            self.cached.append(named)
        self.synchronize(named)
        self.hardware[self.cpu].switch(space)

    def space_destroy(self, info: int, space: int) -> None:
        named = self.root(space)[1]
        if named in self.cached:
            self.cached.remove(named)
            self.forget_space(named)

    def forget_space(self, gone: int) -> None:
        pages = [page for page in self.ids if self.keys[page][0] == gone]
        self.forget(pages)
        self.forget_tables({self.table(level, page) for page in pages for level in range(3)})
        self.forget_tables({("root", gone, 0)})

    def synchronize(self, space: int) -> None:
        for table in [t for t in self.unsynchronized if t[1] in (0, space)]:
            self.tick("entry_compared", 512)
            for page in [page for page in self.ids if self.table(0, page) == table and page in self.old]:
                self.follow(page)
            self.unsynchronized.discard(table)
            self.traced[table] = 0

    def invalidate_page(self, info: int, page: int) -> None:
        if self.table(0, page) in self.unsynchronized:
            self.tick("entry_compared")
            if page in self.old:
                self.follow(page)
        self.hardware[self.cpu].drop(*self.keys[page])
        self.hardware[self.cpu].caches.clear()

    def tlb_probe(self, info: int, page: int) -> None:
        if self.revoked[self.cpu]:
            self.revoked[self.cpu] = False
            self.tick("invlpg_exit")
            self.enter()
            self.invalidate_page(0, page)
            self.invalidate_page(0, page ^ 1)

    def invalidate_space(self, info: int, space: int) -> None:
        self.synchronize(self.root(space)[1])
        self.hardware[self.cpu].flush(lambda held: held == space)

    def invalidate_all(self, info: int, page: int) -> None:
        self.synchronize(self.root(self.current[self.cpu])[1])
        self.hardware[self.cpu].flush(lambda _held: True)


RENAMED = {"mmio_exit": "programmed_io", "cr3_exit": "cr3_emulation", "interrupt_exit": "interrupt"}


class NaiveTrapEmulate(NaiveShadow):
    """The same over a kernel in user mode: exceptions and privileged instructions are emulated, no TLB is flushed."""

    flushed_on_entry = False

    def tick(self, counter: str, n: int = 1) -> None:
        if counter != "invlpg_exit":  # a TLB probe, which has trapped already
            super().tick(RENAMED.get(counter, counter), n)

    def sensitive(self, info: int, site: int) -> None:
        klass, register = int(self.p.sites.klass[site]), int(self.p.sites.register[site])
        if klass in (19, 20, 21, 22):
            self.tick("programmed_io")
        elif klass in (7, 18):
            self.tick("wait_emulation")
        elif klass in (32, 33):
            self.tick("invlpg_emulation")
        elif klass in (6, 38, 39):
            self.tick("eret_emulation")
        elif klass < 64:
            self.tick("other_emulation", klass != 24 or register != 3)
        elif klass != 81:
            self.tick("missed_sensitive", self.mode != 0 or klass <= 68)
