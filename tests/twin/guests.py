"""Xen and binary translation once more, slowly: dictionaries and lists, no code shared with the kernels."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from replay.prepare import Prepared

from .shadowing import DEVICE, NaiveShadow
from .walker import Walker

ROWS = {
    24: "entry", 25: "table_alloc", 26: "table_free", 27: "table_link", 30: "space_destroy",
    31: "base_switch", 33: "tlb_probe",
    34: "invalidate_page", 35: "invalidate_space", 36: "invalidate_all", 40: "sensitive", 48: "exception",
    49: "back", 62: "ipi", 72: "request", 75: "port", 76: "doorbell",
    77: "sent", 78: "received", 79: "idle",
}  # fmt: skip
LINE = 64
RENAMED = {"mmio_exit": "mmio_callout", "invlpg_exit": "invlpg_callout", "cr3_exit": "cr3_callout"}
"""Counter of the monitor on virtualization hardware -> what the translator's is called."""


class Guest:
    """Walks the rows of a trace; the systems below say what an access and each kind of event do."""

    p: Prepared
    counts: dict[tuple[int, int, str], int]

    def begin(self, prepared: Prepared, settings: dict[str, Any]) -> None:
        """Before the first row."""
        self.p, self.settings, self.counts = prepared, settings, defaultdict(int)
        self.cpu, self.mode = 0, 0
        self.payload: list[int] = []
        self.place = dict.fromkeys(range(prepared.meta.vcpus), 0)
        self.retired = [0] * prepared.meta.vcpus

    def tick(self, counter: str, n: int = 1) -> None:
        self.counts[self.cpu, self.place[self.cpu], counter] += n

    def run(self) -> dict[tuple[int, int, str], int]:
        services = [s.klass.name for s in self.p.meta.services]
        classes = [services[index] for index in self.p.places.inner.tolist()]
        for kind, ctx, info, page, n in zip(*(c.tolist() for c in self.p.columns), strict=True):
            self.cpu, self.mode = ctx & 15, ctx >> 4
            kept = classes[self.place[self.cpu]] != "REFILL"
            if kept:
                self.tick("instructions", n)
                self.tick("kernel_instructions", n if self.mode else 0)
                self.retired[self.cpu] += n
            if kind == 16:
                self.payload.append(page | info << 32)
                continue
            if kind < 16 and kept:
                self.tick("references")
                self.touch(kind, info, page, cause=-1)
            elif kind in (50, 51):
                self.place[self.cpu] = page
                self.tick("invocations", kind == 50 and classes[page] != "REFILL")
            elif kind >= 16 and kind in ROWS and (kept or kind not in (33, 40, 49)):
                self.payload += [0] * (4 - len(self.payload))
                getattr(self, ROWS[kind])(info, page)
            self.payload = []
        return {k: n for k, n in self.counts.items() if n}

    def cut_off(self, info: int, page: int) -> None:
        """The access that an exception cut off, if there is one."""
        cause, how = info & 31, info >> 5 & 3
        if how and cause != 2:
            self.touch({1: 0, 2: 4, 3: 8}[how], 0, page, cause)

    def ipi(self, info: int, page: int) -> None:
        self.tick("ipi_posted")

    def idle(self, info: int, units: int) -> None:
        self.tick("idle", units)

    def touch(self, kind: int, info: int, page: int, cause: int) -> None:
        """A reference, or one that an exception of ``cause`` cut off."""


class NaiveXen(Guest):
    """A paravirtual guest above direct page tables."""

    SENSITIVE = (
        dict.fromkeys((16, 17, 69, 70), "virtual_mask")
        | dict.fromkeys((0, 1, 23), "virtual_register")
        | dict.fromkeys((7, 18), "block_hypercall")
        | dict.fromkeys((6, 39), "exception_return")
        | dict.fromkeys((8, 37, 40, 41), "privileged")
        | dict.fromkeys((24, 25, 26, 27, 28, 29, 30, 31, 34, 35, 36), "register_hypercall")
    )

    def __init__(self, prepared: Prepared, settings: dict[str, Any]) -> None:
        self.begin(prepared, settings)
        pages = prepared.pages
        self.keys = list(zip(pages.space.tolist(), pages.vpn.tolist(), strict=True))
        self.hardware = [Walker(settings) for _ in range(prepared.meta.vcpus)]
        self.queue = [0] * prepared.meta.vcpus
        self.wanted: dict[int, int] = {}  # page -> vCPU whose queue holds the update that made it valid
        self.tables: dict[int, str] = {}
        self.valid: dict[int, int] = {}
        self.spaces: dict[int, int] = {}
        self.revoked = [False] * prepared.meta.vcpus
        self.later_abi, self.mips = settings["abi"] == "x86-64", prepared.meta.architecture == "mips64"

    def flush(self) -> None:
        self.tick("update_hypercall", self.queue[self.cpu] > 0)
        self.queue[self.cpu] = 0
        self.wanted = {page: cpu for page, cpu in self.wanted.items() if cpu != self.cpu}

    def enqueue(self) -> None:
        self.queue[self.cpu] += 1
        if self.queue[self.cpu] >= self.settings["queue"]:
            self.flush()

    def update(self) -> None:
        self.tick("entry_validation")
        self.enqueue()

    def command(self) -> None:
        self.enqueue()
        self.flush()

    def touch(self, kind: int, info: int, page: int, cause: int) -> None:
        key, one, side = self.keys[page], self.hardware[self.cpu], int(kind > 0)
        if 4 <= cause <= 8:
            self.walk(page)
            one.drop(*key)
            one.caches.forget(*key)
        elif self.p.pages.segment[page] == DEVICE:
            self.tick("ring_access")
        elif not one.hit(side, *key):
            if one.serve(side, *key, False):
                self.tick("stlb_hit")
            else:
                self.walk(page)
                one.fill(side, *key, False)

    def walk(self, page: int) -> None:
        if self.wanted.get(page) == self.cpu:
            self.tick("pending_fault")
            self.flush()
        self.tick("page_walk")
        self.tick("walk_reference", len(self.hardware[self.cpu].caches.walk(*self.keys[page], False)))

    def space_destroy(self, info: int, space: int) -> None:
        """Nothing of a space is the monitor's: its tables were unpinned one by one."""

    def invalidate(self, page: int) -> None:
        self.hardware[self.cpu].drop(*self.keys[page])
        self.hardware[self.cpu].caches.clear()

    def sensitive(self, info: int, site: int) -> None:
        klass, register = int(self.p.sites.klass[site]), int(self.p.sites.register[site])
        if klass in self.SENSITIVE and (klass, register) != (24, 3):
            self.tick(self.SENSITIVE[klass])

    def exception(self, info: int, page: int) -> None:
        cause = info & 31
        if cause not in (1, 2, 3):
            names = {0: "interrupt", 11: "bounced_system_call" if self.later_abi else "system_call", 17: "double_fault"}
            self.tick(names.get(cause, "fault" if 4 <= cause <= 8 else "other_exception"))
            self.tick("root_switch", self.later_abi and self.mode == 0)
        self.cut_off(info, page)

    def back(self, info: int, page: int) -> None:
        if info == 0:
            self.flush()
            if self.later_abi:
                self.tick("iret_hypercall")
                self.tick("root_switch")
                self.hardware[self.cpu].flush(lambda held: held == 0)

    def entry(self, info: int, page: int) -> None:
        old, new, frame = self.payload[:3]
        self.revoked[self.cpu] |= bool(old & 1) and old != new
        if frame in self.tables:
            self.valid[frame] = max(0, self.valid[frame] + (new & 1) - (old & 1))
        if self.tables.get(frame, "pinned") == "pinned":
            self.update()
            if new & 1 and self.queue[self.cpu]:
                self.wanted[page] = self.cpu

    def table_alloc(self, info: int, frame: int) -> None:
        self.tables[frame], self.valid[frame] = "new", 0

    def table_link(self, info: int, frame: int) -> None:
        if self.tables.get(frame) == "new":
            self.tables[frame], self.spaces[frame] = "waiting", self.payload[1] & 0xFFFFFFFF
            if self.settings["pin"] == "link":
                self.pin(frame)
        if self.mips:
            self.update()

    def pin(self, frame: int) -> None:
        self.tables[frame] = "pinned"
        self.update()
        self.tick("table_pin")
        self.tick("pinned_entry", self.valid[frame])
        self.enqueue()

    def table_free(self, info: int, frame: int) -> None:
        if self.tables.pop(frame, "") == "pinned":
            self.tick("table_unpin")
            self.tick("unpinned_entry", self.valid[frame])
            self.enqueue()
            self.update()

    def base_switch(self, info: int, space: int) -> None:
        self.tick("base_switch")
        for frame in [f for f, state in self.tables.items() if state == "waiting" and self.spaces[f] == space]:
            self.pin(frame)
        self.command()
        self.hardware[self.cpu].flush(lambda _held: True)

    def tlb_probe(self, info: int, page: int) -> None:
        if self.revoked[self.cpu]:
            self.revoked[self.cpu] = False
            self.tick("invalidation")
            self.command()
        for half in (page, page ^ 1):
            self.invalidate(half)

    def invalidate_page(self, info: int, page: int) -> None:
        self.tick("invalidation")
        self.command()
        self.invalidate(page)

    def invalidate_space(self, info: int, space: int) -> None:
        self.tick("invalidation")
        self.command()
        self.hardware[self.cpu].flush(lambda held: held == space)

    def invalidate_all(self, info: int, page: int) -> None:
        self.tick("invalidation")
        self.command()
        self.hardware[self.cpu].flush(lambda _held: True)

    def request(self, info: int, page: int) -> None:
        self.tick("request_notification")

    def doorbell(self, info: int, page: int) -> None:
        self.tick("request_notification")

    def sent(self, info: int, page: int) -> None:
        self.tick("packet_sent")

    def received(self, info: int, page: int) -> None:
        self.tick("page_flip")

    def port(self, info: int, page: int) -> None:
        self.tick("ring_access")


class NaiveCodeCache:
    """One vCPU's translations: (page, byte) -> instructions translated from there on."""

    def __init__(self, size: int, instruction_bytes: int) -> None:
        self.size, self.bytes = size, instruction_bytes
        self.made: dict[tuple[int, int], int] = {}
        self.running: tuple[tuple[int, int], int, int] | None = None

    def end(self, retired: int) -> tuple[int, int]:
        """The present run ends: (instructions translated, place)."""
        if self.running is None:
            return 0, 0
        run, since, place = self.running
        self.running = None
        room = -(-(LINE - run[1] % LINE) // self.bytes)
        length = min(retired - since, room)
        before = self.made.get(run, 0)
        if length <= before:
            return 0, place
        if sum(self.made.values()) + length - before > self.size:
            self.made.clear()
            before = 0
        self.made[run] = length
        return length - before, place

    def drop(self, page: int, byte: int) -> bool:
        """A store: whether translations of its line were dropped."""
        gone = [run for run in self.made if run[0] == page and run[1] // LINE == byte // LINE]
        for run in gone:
            del self.made[run]
        return bool(gone)


class NaiveVMware(Guest, NaiveShadow):
    """A translated kernel above shadow page tables."""

    flushed_on_entry = False
    SENSITIVE = (
        dict.fromkeys((0, 1, 16, 17, 23, 37, 64, 65, 66, 67, 68, 69, 70, 76), "in_cache_access")
        | dict.fromkeys((19, 20, 21, 22, 40, 41), "in_cache_emulation")
        | dict.fromkeys((7, 18), "halt_callout")
        | dict.fromkeys((32, 33), "invlpg_callout")
        | dict.fromkeys((2, 3, 4, 5, 6, 38, 39), "")
    )

    def __init__(self, prepared: Prepared, settings: dict[str, Any]) -> None:
        NaiveShadow.__init__(self, prepared, settings)
        self.begin(prepared, settings)
        size = 4 if prepared.meta.architecture == "mips64" else 1
        self.caches = [NaiveCodeCache(settings["code_cache"], size) for _ in range(prepared.meta.vcpus)]

    def tick(self, counter: str, n: int = 1) -> None:
        super().tick(RENAMED.get(counter, counter), n)

    def end_run(self) -> None:
        new, place = self.caches[self.cpu].end(self.retired[self.cpu])
        self.counts[self.cpu, place, "translated_instruction"] += new

    def touch(self, kind: int, info: int, page: int, cause: int) -> None:
        cache = self.caches[self.cpu]
        if kind == 0 and self.mode != 0 and cause < 0:
            self.end_run()
            cache.running = (page, info & 4095), self.retired[self.cpu], self.place[self.cpu]
            self.tick("indirect_lookup", info >> 12 in (3, 4))
        elif kind >= 5:
            self.tick("dropped_line", cache.drop(page, info & 4095))
        side = int(kind > 0)
        if 4 <= cause <= 8:
            self.true_fault(side, page)
        else:
            self.access(side, kind >= 5, page)

    def exception(self, info: int, page: int) -> None:
        cause = info & 31
        if cause not in (1, 2, 3):
            names = {0: "interrupt", 11: "system_call"}
            self.tick(names.get(cause, "true_fault" if 4 <= cause <= 8 else "other_exception"))
        self.cut_off(info, page)

    def sensitive(self, info: int, site: int) -> None:
        klass, register = int(self.p.sites.klass[site]), int(self.p.sites.register[site])
        if self.mode == 0 and klass not in (7, 18, 32, 33):
            self.tick("privileged", 16 <= klass < 64 and klass not in (38, 39))
        elif klass == 24:
            self.tick({3: "", 8: "in_cache_access"}.get(register, "callout"))
        else:
            self.tick(self.SENSITIVE.get(klass, "callout"))

    def back(self, info: int, page: int) -> None:
        if info == 0:
            self.end_run()
            self.tick("direct_resume")
        else:
            self.tick("callout")

    def table_alloc(self, info: int, frame: int) -> None: ...

    def request(self, info: int, page: int) -> None:
        self.tick("host_request")

    def doorbell(self, info: int, page: int) -> None: ...

    def sent(self, info: int, page: int) -> None:
        self.tick("host_packet")

    received = sent

    def port(self, info: int, page: int) -> None: ...

    def run(self) -> dict[tuple[int, int, str], int]:
        found = super().run()
        return {key: n for key, n in found.items() if key[2]}
