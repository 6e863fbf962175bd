"""Traces written by hand, row by row: for tests with known answers, benchmarks and small studies."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from replay.columns import Columns
from replay.prepare import Prepared, from_rows
from replay.trace.container import TraceFile
from replay.trace.meta import Handler, RecorderTlb, Refill, Service, TraceMeta
from replay.trace.schema import (
    COLUMNS,
    CTX_MODE_SHIFT,
    ENTRY_FRAME_SHIFT,
    ENTRY_PRESENT,
    ENTRY_SIZE_SHIFT,
    ENTRY_USER,
    ENTRY_VALID,
    ENTRY_WRITE,
    PAGE_SHIFT,
    TOUCH_SHIFT,
    Cause,
    Kind,
    Mode,
    Segment,
    Sensitive,
    ServiceClass,
    Touch,
)

WINDOW, REFILL_PC, NESTED_PC = 0xFFFFFFFFC0000000, 0xFFFFFFFF80000080, 0xFFFFFFFF80000180
KSEG0, KSEG1, DEVICE_PAGE = (a >> PAGE_SHIFT for a in (0xFFFFFFFF80000000, 0xFFFFFFFFA0000000, 0xFFFFFFFFBF000000))
LARGE_PAGE = 1 << ENTRY_SIZE_SHIFT
LOW_48, LOW_32 = (1 << 48) - 1, (1 << 32) - 1

SERVICES = (
    Service(0, "USER", ServiceClass.OTHER),
    Service(2, "UTLB_MISS", ServiceClass.REFILL),
    Service(3, "DEMAND_ZERO", ServiceClass.OTHER),
    Service(8, "DEVICE_INTERRUPT", ServiceClass.OTHER),
    Service(9, "IDLE", ServiceClass.IDLE),
    Service(10, "PAGE_ZERO", ServiceClass.PAGE_ZERO),
    Service(13, "TABLE_UPDATE", ServiceClass.TABLE_UPDATE),
    Service(15, "DISK", ServiceClass.DRIVER),
    Service(34, "write", ServiceClass.OTHER),
)

REFILL = Refill(
    window=WINDOW,
    entry_bytes=8,
    pc=REFILL_PC,
    nested_pc=NESTED_PC,
    full=Handler(9, 1, {"MFC0": 1, "MTC0": 2, "TLBWR": 1, "ERET": 1}),
    aborted=Handler(1, 1, {"MFC0": 1}),
    nested=Handler(14, 2, {"MFC0": 2, "MTC0": 2, "TLBWR": 1, "ERET": 1}),
)


DIRECT_MAP = 0xFFFFFFFF80000000 >> PAGE_SHIFT
"""On x86-64: virtual page from which on the kernel maps all memory."""


def handmade_meta(vcpus: int = 1, tlb: RecorderTlb | None = None, architecture: str = "mips64") -> TraceMeta:
    """Metadata of a small machine that nobody recorded; one for x86-64 has neither a software TLB nor a refill."""
    meta = TraceMeta(
        architecture=architecture,
        vcpus=vcpus,
        memory_bytes=1 << 26,
        instructions_per_second=200_000_000,
        workload="by hand",
        services=SERVICES,
    )
    if architecture == "mips64":
        meta = replace(meta, tlb=tlb or RecorderTlb(64, True, 0, "random", 1), refill=REFILL)
    return meta


class Script:
    """Collects the rows of a trace; pages and sites are defined where they are first used."""

    def __init__(self, meta: TraceMeta | None = None) -> None:
        self.meta = meta or handmade_meta()
        self.rows: list[tuple[int, int, int, int, int]] = []
        self._pages: dict[tuple[int, int], int] = {}
        self._vpn = [0]
        self._sites: dict[tuple[Sensitive, int], int] = {}

    def row(
        self,
        kind: Kind,
        page: int = 0,
        info: int = 0,
        n: int = 0,
        *,
        vcpu: int = 0,
        mode: Mode = Mode.USER,
        payload: Iterable[int] = (),
    ) -> None:
        """Append a row, its payload first."""
        for value in payload:
            self.rows.append((Kind.EXTRA, vcpu, value >> 32 & 0xFFFF, value & LOW_32, 0))
        self.rows.append((kind, vcpu | mode << CTX_MODE_SHIFT, info, page, n))

    def page(self, vpn: int, space: int = 0, segment: Segment = Segment.MAPPED) -> int:
        """The id of a page, whose defining rows are appended at its first use."""
        known = self._pages.get((space, vpn))
        if known:
            return known
        new = self._pages[space, vpn] = len(self._pages) + 1
        self._vpn.append(vpn)
        self.row(Kind.PAGE, new, segment, payload=(vpn & LOW_48, vpn >> 48 | space << 4))
        return new

    def user(self, vpn: int, space: int = 1) -> int:
        """A mapped user page."""
        return self.page(vpn, space)

    def kernel(self, frame: int) -> int:
        """A frame seen through the unmapped segment kseg0; of a kernel without one, its page that maps the frame."""
        unmapped = self.meta.architecture == "mips64"
        return self.page(KSEG0 + frame, 0, Segment.UNMAPPED if unmapped else Segment.MAPPED)

    def direct(self, frame: int) -> int:
        """On x86-64: a frame seen through the kernel's map of all memory, which no address space changes."""
        return self.page(DIRECT_MAP + frame)

    def device(self) -> int:
        """The page of device registers."""
        return self.page(DEVICE_PAGE, 0, Segment.DEVICE)

    def sensitive(self, klass: Sensitive, n: int = 1, vcpu: int = 0, register: int = 0) -> None:
        """Append an instruction of ``klass`` that names ``register``, its site first."""
        known = self._sites.get((klass, register))
        if not known:
            known = self._sites[klass, register] = len(self._sites) + 1
            self.row(Kind.SITE, known, klass, payload=(REFILL_PC & LOW_48, REFILL_PC >> 48 | register << 16))
        self.row(Kind.SENSITIVE, known, n=n, vcpu=vcpu, mode=Mode.KERNEL)

    def entry(
        self,
        page: int,
        frame: int,
        *,
        level: int = 0,
        table: int = 5,
        bits: int = ENTRY_VALID | ENTRY_PRESENT | ENTRY_WRITE | ENTRY_USER,
        old: int = 0,
        vcpu: int = 0,
    ) -> None:
        """Append what a store to the page table of ``level`` in frame ``table`` wrote: ``page`` on maps ``frame`` on.

        ``bits`` are those of the entry; LARGE_PAGE among them maps 2 MB by an entry of level 1.
        """
        index = 0 if page == 0 else self._vpn[page] >> 9 * level & 511
        payload = (old, frame << ENTRY_FRAME_SHIFT | bits, table)
        self.row(Kind.ENTRY, page, index | level << 12, vcpu=vcpu, mode=Mode.KERNEL, payload=payload)

    def base_switch(self, space: int, vcpu: int = 0) -> None:
        """Append a write of CR3: the instruction, then what it did."""
        self.sensitive(Sensitive.MOV_TO_CR, vcpu=vcpu, register=3)
        self.row(Kind.BASE_SWITCH, space, vcpu=vcpu, mode=Mode.KERNEL)

    def invalidate(self, page: int, vcpu: int = 0) -> None:
        """Append an INVLPG of ``page``: the instruction, then what it did."""
        self.sensitive(Sensitive.INVLPG, vcpu=vcpu)
        self.row(Kind.INVALIDATE_PAGE, page, vcpu=vcpu, mode=Mode.KERNEL)

    def port(self, port: int, size: int = 1, *, write: bool = False, vcpu: int = 0) -> None:
        """Append an IN or OUT: the instruction, then what it did."""
        self.sensitive(Sensitive.OUT if write else Sensitive.IN, vcpu=vcpu)
        self.row(Kind.PORT, port, size | write << 8, vcpu=vcpu, mode=Mode.KERNEL)

    def exception(self, cause: Cause, page: int = 0, touch: Touch = Touch.NONE, vcpu: int = 0) -> None:
        """Append an exception that interrupted an access to ``page``, or none."""
        self.row(Kind.EXCEPTION, page, cause | touch << TOUCH_SHIFT, vcpu=vcpu)

    def save(self, path: Path, batch: int = 1 << 16) -> None:
        """Write the trace to ``path``, as of a guest that finished, so many rows in a ``batch``."""
        file = TraceFile(path, self.meta)
        rows = np.array([*self.rows, (Kind.END, 0, 0, 0, 1)], np.int64)
        for part in np.split(rows, range(batch, len(rows), batch)):
            file.write({name: part[:, at].astype(COLUMNS[name]) for at, name in enumerate(Columns._fields)})
        file.commit({"complete": True, "status": 0})

    def prepared(self) -> Prepared:
        """The trace, ready to be counted."""
        return from_rows([*self.rows, (Kind.END, 0, 0, 0, 0)], self.meta)
