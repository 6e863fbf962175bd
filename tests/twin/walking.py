"""The slow twins of models whose hardware walks page tables, in one dimension and in two."""

from __future__ import annotations

from typing import Any

from replay.prepare import Prepared

from .machine import CAUSES, DEVICE, UNCACHED, UNMAPPED, NaiveMachine
from .walker import Caches, Walker, Ways

PASSED_THROUGH = (0x10, 0x81, 0x82, 0x84, 0x100, 0x101, 0x102, 0x174, 0x175, 0x176)


class NaiveWalk(NaiveMachine):
    """The bare machine with a page walker."""

    replaces = ("REFILL",)
    architectures = ("mips64", "x86-64")

    def __init__(self, prepared: Prepared, settings: dict[str, Any]) -> None:
        super().__init__(prepared, settings)
        pages = prepared.pages
        kernels = {p for p in range(pages.segment.size) if pages.segment[p] in (UNMAPPED, UNCACHED)}
        self.large = {self.address(p)[1] >> 9 | self.address(p)[0] << 60 for p in kernels}

    def make_tlbs(self, vcpus: int) -> list[Any]:
        return [Walker(self.settings) for _ in range(vcpus)]

    def address(self, page: int) -> tuple[int, int]:
        return int(self.p.pages.space[page]), int(self.p.pages.vpn[page])

    def region(self, page: int) -> int:
        space, number = self.address(page)
        return number >> 9 | space << 60

    def access(self, page: int, once: bool) -> None:
        if self.cause in (4, 5, 6, 7, 8):
            self.walk(page)
            self.tlb.drop(*self.address(page))
            self.tlb.caches.forget(*self.address(page))
        elif self.segment(page) == DEVICE:
            self.device()
        elif not self.tlb.hit(int(self.kind > 0), *self.address(page)):
            self.miss(int(self.kind > 0), page, self.mapped_large(page))

    def device(self) -> None:
        self.tick("device_access")

    def mapped_large(self, page: int) -> bool:
        """Whether an entry of the TLB for ``page`` would map 2 MB."""
        return self.region(page) in self.large

    def miss(self, side: int, page: int, large: bool) -> None:
        if self.tlb.serve(side, *self.address(page), large):
            self.tick("stlb_hit")
            return
        self.walk(page)
        self.tlb.fill(side, *self.address(page), large)

    def walk(self, page: int) -> None:
        self.tick("page_walk")
        self.tick("walk_reference", len(self.tlb.caches.walk(*self.address(page), self.region(page) in self.large)))

    def privileged(self, klass: int, register: int) -> None:
        names = {6: "exception_return", 39: "exception_return", 38: "", 24: "", 32: "invalidation", 33: "invalidation"}
        names |= dict.fromkeys(range(19, 23), "port_access")
        name = names.get(klass, "privileged" if klass < 64 else "")
        if name:
            self.tick(name)

    def tlb_row(self, kind: int, info: int, page: int) -> None:
        if kind == 33:
            self.event(34, 0, page, kept=True)
            self.event(34, 0, page ^ 1, kept=True)

    def event(self, kind: int, info: int, page: int, kept: bool) -> None:
        if kind == 24 and info >> 12 == 1 and page:
            new = self.payload[1] if len(self.payload) > 1 else 0
            (self.large.add if new & 1 and new >> 7 & 3 == 1 else self.large.discard)(self.region(page))
        elif kind == 31:
            self.tick("base_switch")
            self.tlb.switch(page)
        elif kind == 34:
            self.tlb.drop(*self.address(page))
            self.tlb.caches.clear()
        elif kind in (35, 36):
            self.tlb.flush(lambda space: kind == 36 or space == page)
        elif kind == 79:
            self.tick("idle", page)


class NaiveEpt(NaiveWalk):
    """A guest below nested page tables."""

    causes = ("interrupt_exit", *CAUSES[1:])

    def __init__(self, prepared: Prepared, settings: dict[str, Any]) -> None:
        super().__init__(prepared, settings)
        pages, self.memory = prepared.pages, prepared.meta.memory_bytes // 4096
        self.regions = [pages.leaf.tolist(), pages.middle.tolist(), pages.upper.tolist()]
        counts = [max(regions) + 1 for regions in self.regions]
        self.first_table = [self.memory, self.memory + counts[0], self.memory + counts[0] + counts[1]]
        self.spaces = sorted(set(pages.space.tolist()))
        self.first_root = self.first_table[2] + counts[2]
        self.first_page = self.first_root + len(self.spaces) + 1
        self.table_frame: dict[int, int] = {}
        self.root_frame: dict[int, int] = {}
        self.page_frame = {p: f - 1 for p, f in enumerate(pages.frame.tolist()) if 0 < f <= self.memory}
        self.now = dict.fromkeys(range(prepared.meta.vcpus), self.first_root)
        self.nested_tlb = [Ways(settings["nested.tlb_entries"], settings["nested.tlb_ways"]) for _ in self.tlbs]
        self.host = [Caches("nested", settings) for _ in self.tlbs]
        self.mapped: set[int] = set()
        self.two_megabytes = settings["nested.page"] == "2MB"

    def table(self, level: int, page: int) -> int:
        """Number of the table of ``level``, which is its frame until a row says otherwise."""
        return self.first_table[level] + self.regions[level][page]

    def root(self, space: int) -> int:
        number = self.spaces.index(space) if space in self.spaces else len(self.spaces)
        return self.first_root + number

    def mapped_large(self, page: int) -> bool:
        return self.two_megabytes and super().mapped_large(page)

    def walk(self, page: int) -> None:
        tables = self.tlb.caches.walk(*self.address(page), self.region(page) in self.large)
        self.tick("page_walk")
        self.tick("walk_reference", len(tables))
        frames = [self.now[self.cpu]] if tables[0] == 3 else []
        frames += [self.table_frame.get(n, n) for n in (self.table(level, page) for level in tables if level < 3)][
            tables[0] < 3 :
        ]
        if self.cause not in (4, 5):
            frames.append(self.page_frame.get(page, self.first_page + page))
        if sum([self.translate(frame) for frame in frames]):
            self.leave()

    def translate(self, frame: int) -> bool:
        unit = frame // 512 if self.two_megabytes else frame
        if self.nested_tlb[self.cpu].look(("unit", 0, unit + 1)):
            self.tick("nested_tlb_hit")
            return False
        violation = unit not in self.mapped
        if violation:
            self.mapped.add(unit)
            self.tick("ept_violation")
        self.nested_tlb[self.cpu].put(("unit", 0, unit + 1))
        self.tick("nested_walk_reference", len(self.host[self.cpu].walk(0, frame, self.two_megabytes)))
        return violation

    def leave(self) -> None:
        if not self.settings["tlb.vm_tagged"]:
            self.tlb.flush(lambda _: True)

    def device(self) -> None:
        self.tick("mmio_exit")
        self.leave()

    def exception(self, cause: int) -> None:
        if cause == 0:
            self.leave()

    def exit_of(self, klass: int, register: int) -> str:
        """The exit that an instruction makes; empty for none."""
        if klass in range(19, 23):
            return "io_exit"
        if klass in (18, 7):
            return "halt_exit"
        if klass in (25, 30) or (klass == 24 and register in (0, 4)):
            return "cr_exit"
        own = (*PASSED_THROUGH, 0x80B) if self.settings["apic.virtual"] else PASSED_THROUGH
        if (klass in (35, 36) and register not in own) or (klass == 1 and register == 11):
            return "msr_exit"
        return ""

    def privileged(self, klass: int, register: int) -> None:
        found = self.exit_of(klass, register)
        if found:
            self.tick(found)
            self.leave()
        elif klass == 24 and register != 3:
            self.tick("privileged")
        else:
            super().privileged(klass, register)

    def event(self, kind: int, info: int, page: int, kept: bool) -> None:
        payload = [*self.payload, 0, 0, 0]
        self.tick("request_emulation", kind == 72)
        self.tick("packet_emulation", kind in (77, 78))
        self.tick("packet_byte", info if kind in (77, 78) else 0)
        if kind == 27 and info == 3:
            self.root_frame[self.root(payload[1])] = page
        elif kind == 31:
            self.now[self.cpu] = self.root_frame.get(self.root(page), self.root(page))
        elif kind == 24 and page and info >> 12 < 3:
            if payload[2] < self.memory:
                self.table_frame[self.table(info >> 12, page)] = payload[2]
            self.map(info >> 12, page, payload[1])
        elif kind == 62:
            self.tick("ipi_posted")
        super().event(kind, info, page, kept)

    def map(self, level: int, page: int, new: int) -> None:
        frame = new >> 12
        if level == 0 and new & 1 and frame < self.memory:
            self.page_frame[page] = frame
        if level == 1 and new & 1 and new >> 7 & 3 == 1 and frame + 511 < self.memory:
            for other, region in enumerate(self.regions[0]):
                if region == self.regions[0][page]:
                    self.page_frame[other] = frame + self.address(other)[1] % 512
