"""The slow twins: the same mechanisms once more, in dictionaries and lists, sharing no code with the kernels."""

from __future__ import annotations

from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import pytest

from replay.prepare import Prepared

from .structures import NaiveL2, NaivePmap, NaiveTlb
from .walker import Walker

MAPPED, UNMAPPED, UNCACHED, DEVICE = 0, 1, 2, 3
NINE = SimpleNamespace(full=SimpleNamespace(instructions=9, sensitive={"MFC0": 1, "MTC0": 2, "TLBWR": 1, "ERET": 1}))
CAUSES = ["interrupt", "", "", ""] + ["fault"] * 5 + ["other_exception"] * 2 + ["system_call"] + ["other_exception"] * 8
STORED = (0, 2, 3, 4, 5, 6, 14, 20, 28, 29, 30)
EMULATIONS = ["mfc0", "mtc0", "tlb_read", "tlb_write", "tlb_write", "tlb_probe", "eret", "wait", "cache"]


class NaiveMachine:
    """Walks the rows of a trace; ``counts[vcpu, place, counter]``."""

    replaces: tuple[str, ...] = ()
    architectures: tuple[str, ...] = ("mips64",)
    """Of the traces that the twin knows how to read."""

    def __init__(self, prepared: Prepared, settings: dict[str, Any]) -> None:
        self.p, self.settings = prepared, settings
        self.counts: dict[tuple[int, int, str], int] = defaultdict(int)
        self.place = dict.fromkeys(range(prepared.meta.vcpus), 0)
        services = [s.klass.name for s in prepared.meta.services]
        self.classes = [services[index] for index in prepared.places.inner.tolist()]
        self.refill_place, self.refilling = services.index("REFILL"), False
        self.handler = prepared.meta.refill or NINE
        self.bases: dict[int, int] = {}
        self.tlbs = self.make_tlbs(prepared.meta.vcpus)
        self.cause: int | None = None
        self.kind = 0
        self.probed: dict[int, int] = defaultdict(int)
        self.cpu = 0
        self.payload: list[int] = []
        self.time = [0] * prepared.meta.vcpus  # the recording's
        self.moments: list[tuple[Any, ...]] = []

    def make_tlbs(self, vcpus: int) -> list[Any]:
        entries, wired, seed = (self.settings[f"tlb.{name}"] for name in ("entries", "wired", "seed"))
        return [NaiveTlb(entries, wired, self.settings["tlb.replacement"] == "lru", seed + v) for v in range(vcpus)]

    @property
    def tlb(self) -> Any:
        return self.tlbs[self.cpu]

    def tick(self, counter: str, n: int = 1) -> None:
        self.counts[self.cpu, self.refill_place if self.refilling else self.place[self.cpu], counter] += n

    def spent(self) -> dict[tuple[str, str], int]:
        """What the present vCPU has counted, by class of service."""
        found: dict[tuple[str, str], int] = defaultdict(int)
        for (cpu, place, counter), n in self.counts.items():
            found[self.classes[place], counter] += n if cpu == self.cpu else 0
        return found

    def segment(self, page: int) -> int:
        return int(self.p.pages.segment[page])

    def key(self, pair: int) -> tuple[int, int]:
        return int(self.p.pages.space[2 * pair]), int(self.p.pages.vpn[2 * pair])

    def run(self) -> dict[tuple[int, int, str], int]:
        for kind, ctx, info, page, n in zip(*(c.tolist() for c in self.p.columns), strict=True):
            self.cpu = ctx & 15
            self.time[self.cpu] += n
            klass = self.classes[self.place[self.cpu]]
            kept = klass not in self.replaces
            if kept:
                self.tick("instructions", n)
                if ctx >> 4 != 0:
                    self.tick("kernel_instructions", n)
                self.after_instructions(n)
            if kind == 16:
                self.payload.append(page | info << 32)
                continue
            if kind < 16:
                self.kind, self.cause = kind, None
                if kept:
                    self.tick("references")
                    self.access(page, once=False)
                continue
            self.one_event(kind, info, page, klass, kept)
            if kind in (72, 73, 79):
                self.time[self.cpu] += page if kind == 79 else 0
                self.moments.append((self.cpu, kind, info, page, self.payload[:1], self.time[self.cpu], self.spent()))
            self.payload = []
        return {k: n for k, n in self.counts.items() if n}

    def one_event(self, kind: int, info: int, page: int, klass: str, kept: bool) -> None:
        if kind in (50, 51):
            self.place[self.cpu] = page
            if kind == 50 and not (self.classes[page] == "REFILL" and "REFILL" in self.replaces):
                self.tick("invocations")
        elif kind == 40:
            if kept:
                self.privileged(int(self.p.sites.klass[page]), int(self.p.sites.register[page]))
        elif kind == 48:
            cause = info & 31
            if CAUSES[cause]:
                self.tick(CAUSES[cause])
            if info >> 5 & 3 and cause != 2:
                self.kind, self.cause = (0, 0, 4, 8)[info >> 5 & 3], cause
                self.access(page, once=cause == 1)
        elif kind in (32, 33):
            if klass != "REFILL":
                self.tlb_row(kind, info, page)
        else:
            self.event(kind, info, page, kept)

    def tlb_row(self, kind: int, info: int, page: int) -> None:
        if kind == 33:
            self.probed[self.cpu] = page // 2 if info else 0
            return
        probed, self.probed[self.cpu] = self.probed[self.cpu], 0
        is_random, index = bool(info & 0x8000), info & 0x7FFF
        if page >= 2 and self.segment(page) == MAPPED:
            self.write_mapped(page // 2, None if is_random else index)
        else:
            self.write_unmapped(probed, is_random, index)

    def entry_payload(self, k: int) -> int | None:
        value = self.payload[k] if k < len(self.payload) else 0
        return value >> 12 if value & 1 else None

    def empty(self, space: int | None) -> None:
        for index, pair in enumerate(self.tlb.held):
            if pair and space in (None, self.key(pair)[0]):
                self.tlb.clear(index)

    def after_instructions(self, n: int) -> None: ...

    def is_again(self, space: int) -> bool:
        """Whether a base switch is to the space that is current already."""
        before, self.bases[self.cpu] = self.bases.get(self.cpu, 0), space
        return before == space != 0


class NaiveNative(NaiveMachine):
    """The bare machine."""

    replaces = ("REFILL",)

    def access(self, page: int, once: bool) -> None:
        if self.segment(page) in (UNMAPPED, UNCACHED):
            return
        if self.segment(page) == DEVICE:
            self.tick("device_access")
            return
        if self.tlb.look(page // 2):
            return
        self.refilling = True
        self.refill(page, once)
        self.refilling = False

    def refill(self, page: int, once: bool) -> None:
        handler = self.handler
        while not self.tlb.has(page // 2):
            self.tick("invocations")
            self.tick("utlb_refill")
            table = int(self.p.pages.table[page // 2])
            if table and not self.tlb.look(table):
                self.tick("nested_refill")
                self.tick("refill_instruction", handler.aborted.instructions + handler.nested.instructions)
                self.tlb.insert(table)
            else:
                self.tick("refill_instruction", handler.full.instructions)
                self.tlb.insert(page // 2)
            if once:
                break

    def privileged(self, klass: int, register: int) -> None:
        self.tick("privileged")

    def write_mapped(self, pair: int, index: int | None) -> None:
        if index is None:
            self.tlb.insert(pair)
        elif index < self.tlb.wired:
            self.tlb.put(index, pair)

    def write_unmapped(self, probed: int, is_random: bool, index: int) -> None:
        if probed and not is_random:
            self.tlb.drop(probed)
        elif not is_random and index < len(self.tlb.held):
            self.tlb.clear(index)

    def event(self, kind: int, info: int, page: int, kept: bool) -> None:
        if kind == 34:
            self.tlb.drop(page // 2)
        elif kind in (35, 36):
            self.empty(page if kind == 35 else None)
        elif kind == 31 and self.is_again(page):
            self.empty(page)
        elif kind == 75:
            self.tick("device_access")
        elif kind == 79:
            self.tick("idle", page)


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
        if self.segment(page) == DEVICE:
            self.tick("device_access")
        elif not self.tlb.hit(int(self.kind > 0), *self.address(page)):
            self.miss(int(self.kind > 0), page, self.region(page) in self.large)
        if self.cause in (4, 5, 6, 7, 8):
            self.tlb.drop(*self.address(page))
            self.tlb.caches.forget(*self.address(page))

    def miss(self, side: int, page: int, large: bool) -> None:
        if self.tlb.serve(side, *self.address(page), large):
            self.tick("stlb_hit")
            return
        self.tick("page_walk")
        self.tick("walk_reference", len(self.tlb.caches.walk(*self.address(page), large)))
        self.tlb.fill(side, *self.address(page), large)

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


class NaiveDisco(NaiveMachine):
    """Disco's uniprocessor core."""

    replaces = ("REFILL", "PAGE_ZERO")

    def __init__(self, prepared: Prepared, settings: dict[str, Any]) -> None:
        super().__init__(prepared, settings)
        self.l2s = [NaiveL2(settings["l2tlb.entries"], settings["l2tlb.ways"]) for _ in self.tlbs]
        self.pmap = NaivePmap(prepared.meta.memory_bytes // 4096)
        self.now_maps: dict[int, int | None] = {}
        self.left = [settings["quantum"]] * len(self.tlbs)

    @property
    def l2(self) -> NaiveL2:
        return self.l2s[self.cpu]

    def after_instructions(self, n: int) -> None:
        self.left[self.cpu] -= n
        if self.settings["vcpus_per_cpu"] > 1 and self.left[self.cpu] <= 0:
            self.left[self.cpu] += self.settings["quantum"]
            self.tick("vcpu_switch")
            for index in range(len(self.tlb.held)):
                self.tlb.clear(index)

    def access(self, page: int, once: bool) -> None:
        pair = page // 2
        if self.segment(page) == DEVICE:
            self.tick("programmed_io")
        elif not self.tlb.look(pair):
            if self.segment(page) != MAPPED:
                self.kernel_fault(pair)
            self.refilling = True
            while not self.tlb.has(pair):
                self.tick("invocations")
                self.miss(pair)
            self.refilling = False

    def miss(self, pair: int) -> None:
        if self.in_l2(pair):
            return
        refill, table = self.handler, int(self.p.pages.table[pair])
        self.tick("refill_forwarded")
        self.fetch_handler(0)
        if table == 0 or self.tlb.look(table) or self.in_l2(table):
            self.run_handler(refill.full)
            self.write(pair)
            return
        self.run_handler(refill.aborted)
        self.tick("nested_forwarded")
        self.fetch_handler(1)
        self.run_handler(refill.nested)
        self.write(table)

    def in_l2(self, pair: int) -> bool:
        if not self.l2.look(pair, self.key(pair)):
            return False
        self.tick("l2tlb_hit")
        self.tlb.insert(pair)
        return True

    def fetch_handler(self, which: int) -> None:
        pair = int(self.p.pages.handler[which]) // 2
        if pair and not self.tlb.look(pair):
            self.kernel_fault(pair)

    def run_handler(self, run: Any) -> None:
        self.tick("refill_instruction", run.instructions)
        for name, times in run.sensitive.items():
            in_page = name in ("MFC0", "MTC0") and self.settings["hal"]
            self.tick("hal_access" if in_page else {"TLBWR": "tlb_write"}.get(name, name.lower()) + "_emulation", times)

    def kernel_fault(self, pair: int) -> None:
        self.tick("kernel_tlb_fault")
        self.map_both(pair)
        self.tlb.insert(pair)

    def frame(self, page: int) -> int | None:
        fixed = int(self.p.pages.frame[page])
        return fixed - 1 if fixed and page not in self.now_maps else self.now_maps.get(page)

    def map_both(self, pair: int) -> None:
        for page in (2 * pair, 2 * pair + 1):
            if self.pmap.map_page(page, self.frame(page)):
                self.tick("page_allocation")

    def write(self, pair: int) -> None:
        self.map_both(pair)
        self.l2.insert(pair, self.key(pair))
        if not self.tlb.look(pair):
            self.tlb.insert(pair)

    def privileged(self, klass: int, register: int) -> None:
        in_page = register not in (1, 9, 25) if klass == 0 else klass == 1 and register in STORED
        self.tick("hal_access" if in_page and self.settings["hal"] else EMULATIONS[klass] + "_emulation")

    def write_mapped(self, pair: int, index: int | None) -> None:
        self.now_maps[2 * pair], self.now_maps[2 * pair + 1] = self.entry_payload(0), self.entry_payload(1)
        if index is not None and index < self.tlb.wired:
            self.tlb.put(index, pair)
        self.write(pair)

    def tlb_row(self, kind: int, info: int, page: int) -> None:
        super().tlb_row(kind, info, page)
        if kind == 33 and not info:
            self.event(34, info, page, kept=True)

    def write_unmapped(self, probed: int, is_random: bool, index: int) -> None:
        if probed:
            self.event(34, 0, probed * 2, kept=True)
        elif not is_random and index < len(self.tlb.held):
            self.tlb.clear(index)

    def event(self, kind: int, info: int, page: int, kept: bool) -> None:
        if kind == 24 and page:
            self.now_maps[page] = self.entry_payload(1)
        elif kind == 34:
            self.tlb.drop(page // 2)
            self.l2.drop(page // 2, self.key(page // 2))
        elif kind in (35, 36):
            self.empty(page if kind == 35 else None)
            self.l2.drop_space(page if kind == 35 else None)
        elif kind == 31:
            if self.is_again(page):
                self.event(35, info, page, kept)
        elif kind == 75:
            self.tick("programmed_io")
        elif kind == 79:
            self.tick("idle", page)
        elif kind == 88 and not kept:
            self.tick("zeroed_page_call")
            self.pmap.use(page)
        elif kind == 91:
            self.tick("freed_page_call")
            self.pmap.machine.pop(page, None)
            for pair in {p // 2 for p in range(len(self.p.pages.frame)) if self.is_kernels(p, page)}:
                for one in self.tlbs:
                    one.drop(pair)

    def is_kernels(self, page: int, frame: int) -> bool:
        return self.segment(page) == UNMAPPED and self.p.pages.frame[page] == frame + 1


@pytest.fixture(scope="session")
def naive() -> SimpleNamespace:
    """The twins by model."""
    return SimpleNamespace(models={"native": NaiveNative, "native-walk": NaiveWalk, "disco": NaiveDisco})
