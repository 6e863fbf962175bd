"""The slow twins: the same mechanisms once more, in dictionaries and lists, sharing no code with the kernels."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from replay.prepare import Prepared

from .machine import DEVICE, MAPPED, UNCACHED, UNMAPPED, NaiveMachine
from .structures import NaiveL2, NaivePmap
from .walking import NaiveEpt, NaiveWalk

PORTS = (19, 20, 21, 22)
ON_X86 = {
    "hal_access": (23, 67, 69),  # mov from cr, smsw, pushf
    "mfc0_emulation": (35,),  # rdmsr
    "mtc0_emulation": (16, 17, 24, 30, 31, 36, 70),  # cli, sti, mov to cr, lmsw, clts, wrmsr, popf
    "tlb_write_emulation": (32, 33),  # invlpg, invpcid
    "eret_emulation": (38, 39),  # sysret, iret
    "wait_emulation": (18,),  # hlt
    "other_emulation": (25, 26, 27, 28, 29, 34, 37, 40, 41),
}
"""Disco's counter -> classes of x86 instructions that tick it."""
STORED = (0, 2, 3, 4, 5, 6, 14, 20, 28, 29, 30)
EMULATIONS = ["mfc0", "mtc0", "tlb_read", "tlb_write", "tlb_write", "tlb_probe", "eret", "wait", "cache"]


class NaiveNative(NaiveMachine):
    """The bare machine."""

    replaces = ("REFILL",)
    architectures = ("mips64", "x86-64")

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
        if klass not in PORTS:
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


class NaiveDisco(NaiveMachine):
    """Disco's uniprocessor core."""

    replaces = ("REFILL", "PAGE_ZERO")
    architectures = ("mips64", "x86-64")

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
            self.programmed()
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
        if klass > 8:
            self.privileged_on_x86(klass)
            return
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
            self.entry_row(page, info >> 12)
        elif kind == 34:
            self.tlb.drop(page // 2)
            self.l2.drop(page // 2, self.key(page // 2))
        elif kind in (35, 36):
            self.empty(page if kind == 35 else None)
            self.l2.drop_space(page if kind == 35 else None)
        elif kind == 31:
            if self.is_again(page):
                self.event(35, info, page, kept)
        elif kind == 62:
            self.tick("ipi_posted")
        elif kind == 75:
            self.programmed()
        elif kind in (72, 76, 77, 78):
            self.device(kind, info)
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

    def programmed(self) -> None:
        driver = self.classes[self.place[self.cpu]] == "DRIVER" and self.settings["drivers"] == "special"
        self.tick("programmed_io", not driver)

    def device(self, kind: int, info: int) -> None:
        told = [*self.payload, 0, 0]
        if kind in (72, 76):
            self.tick("device_call", self.settings["drivers"] == "special")
        if kind == 72:
            self.tick("dma_page", -(-told[1] // 4096))
        elif kind in (77, 78):
            self.tick("dma_page", sum(part > 0 for part in ((told[1] >> 16) % 65536, info - (told[1] >> 16) % 65536)))

    def entry_row(self, page: int, level: int) -> None:
        if level == 0:
            self.now_maps[page] = self.entry_payload(1)
            return
        large = [k < len(self.payload) and self.payload[k] & 0x181 == 0x81 for k in (0, 1)]
        if level == 1 and any(large):
            region = int(self.p.pages.vpn[page]) >> 9, int(self.p.pages.space[page])
            for other in range(page, len(self.p.pages.vpn)):
                vpn = int(self.p.pages.vpn[other])
                if (vpn >> 9, int(self.p.pages.space[other])) == region:
                    self.now_maps[other] = (self.payload[1] >> 12) + vpn % 512 if large[1] else None

    def privileged_on_x86(self, klass: int) -> None:
        for counter, classes in ON_X86.items():
            if klass in classes:
                hal = counter == "hal_access" and not self.settings["hal"]
                self.tick("mfc0_emulation" if hal else counter)

    def is_kernels(self, page: int, frame: int) -> bool:
        return self.segment(page) == UNMAPPED and self.p.pages.frame[page] == frame + 1


MODELS = {"native": NaiveNative, "native-walk": NaiveWalk, "ept": NaiveEpt, "npt": NaiveEpt, "disco": NaiveDisco}


@pytest.fixture(scope="session")
def naive() -> SimpleNamespace:
    """The twins by model."""
    return SimpleNamespace(models=MODELS)
