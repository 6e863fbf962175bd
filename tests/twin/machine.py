"""What all slow twins share: a walk over the rows of a trace, in plain Python."""

from __future__ import annotations

from collections import defaultdict
from types import SimpleNamespace
from typing import Any

from replay.prepare import Prepared

from .structures import NaiveTlb

MAPPED, UNMAPPED, UNCACHED, DEVICE = 0, 1, 2, 3
NINE = SimpleNamespace(full=SimpleNamespace(instructions=9, sensitive={"MFC0": 1, "MTC0": 2, "TLBWR": 1, "ERET": 1}))
CAUSES = ("interrupt", "", "", "", *["fault"] * 5, *["other_exception"] * 2, "system_call", *["other_exception"] * 8)


class NaiveMachine:
    """Walks the rows of a trace; ``counts[vcpu, place, counter]``."""

    replaces: tuple[str, ...] = ()
    causes = CAUSES
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
            if kind in (62, 63, 72, 73, 78, 79):
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
            if self.causes[cause]:
                self.tick(self.causes[cause])
            self.exception(cause)
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

    def exception(self, cause: int) -> None: ...
