"""A recording of the guest on x86-64: what it says about itself, and rows that stand beside their instruction."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from replay.prepare import Prepared, prepare
from replay.trace.container import open_trace
from replay.trace.schema import CAUSE_MASK, Cause, Kind, Mode, Sensitive
from tracegen import abi, abi_x86_64
from tracegen.record import RecordSummary, record

CPU = "x86-64"
SIZES: dict[str, dict[str, int]] = {"radix": {"keys": 20_000, "radix": 256}, "usertests": {}}


def make(name: str, output: Path, seed: int) -> RecordSummary:
    """A small recording of a workload."""
    return record(name, SIZES[name], cpu=CPU, output=output, seed=seed, memory_bytes=16 << 20)


@pytest.fixture(scope="module", params=SIZES)
def recorded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> RecordSummary:
    """A small recording of a workload that computes, and of one in which the kernel works."""
    return make(request.param, tmp_path_factory.mktemp(request.param) / "t.arrow", 1)


@pytest.fixture(scope="module")
def prepared(recorded: RecordSummary) -> Prepared:
    """The recording, ready to be counted."""
    return prepare(str(recorded.path), use_cache=False)


class Event(NamedTuple):
    """A row that is no access: its kind, info and page; of a sensitive instruction its class and register."""

    kind: Kind
    info: int
    page: int
    mode: Mode
    instruction: Sensitive | None
    register: int


@pytest.fixture(scope="module")
def events(recorded: RecordSummary) -> list[Event]:
    """The events of a recording in order, without the structure rows."""
    sites: dict[int, tuple[Sensitive, int]] = {}
    found, extra = list[Event](), list[int]()
    for kind, info, page, ctx in rows(recorded.path):
        if kind == Kind.EXTRA:
            extra.append(page | info << 32)
            continue
        if kind == Kind.SITE:
            sites[page] = Sensitive(info), extra[1] >> 16
        elif kind not in {Kind.PAGE, Kind.END}:
            site = sites[page] if kind == Kind.SENSITIVE else (None, 0)
            found.append(Event(Kind(kind), info, page, Mode(ctx >> 4), *site))
        extra.clear()
    return found


def rows(path: Path) -> list[tuple[int, int, int, int]]:
    """(kind, info, page, ctx) of a trace's rows, without the accesses."""
    trace, found = open_trace(path), list[tuple[int, int, int, int]]()
    for batch in trace.batches():
        columns = {name: batch.column(name).to_numpy() for name in ("kind", "info", "page", "ctx")}
        chosen = columns["kind"] >= Kind.EXTRA
        found += zip(*(columns[name][chosen].tolist() for name in columns), strict=True)
    return found


def before(events: list[Event], kind: Kind) -> Counter[Sensitive | None]:
    """The sensitive instructions right before the rows of one kind."""
    return Counter(a.instruction for a, b in pairwise(events) if b.kind == kind)


def test_metadata_has_no_recorders_tlb(recorded: RecordSummary) -> None:
    """Hardware walks the tables: there is no geometry to repeat refills with, and no refill handler."""
    meta = open_trace(recorded.path).meta

    assert ("x86-64", None, None) == (meta.architecture, meta.tlb, meta.refill)
    assert [(s.id, s.name, s.klass.name) for s in meta.services] == [*abi.services()]
    assert {"vectors", "syscall_entry", "usertests:main"} <= {name for name, _ in meta.symbols}


def test_the_guest_checks_its_own_answer(recorded: RecordSummary) -> None:
    """A recorded workload ends with status 0 after comparing its result."""
    assert (0, "exit") == (recorded.status, recorded.reason)


def test_instructions_are_conserved(recorded: RecordSummary, prepared: Prepared) -> None:
    """The rows' retired counts sum to what the machine retired."""
    assert recorded.instructions == int(prepared.columns.n.sum(dtype=np.int64))


def test_the_seed_changes_nothing(prepared: Prepared, tmp_path: Path) -> None:
    """Nothing in this CPU is left to chance: with another seed the rows are the same."""
    other = prepare(str(make(prepared.meta.workload, tmp_path / "t.arrow", 2).path), use_cache=False)

    assert np.array_equal(prepared.columns.page, other.columns.page)
    assert np.array_equal(prepared.columns.kind, other.columns.kind)


def test_modes_follow_the_crossings(prepared: Prepared) -> None:
    """After an exception rows are in kernel mode, and a return names the mode of the rows after it."""
    kind, mode = prepared.columns.kind, prepared.columns.ctx >> 4
    taken = np.flatnonzero(kind[:-1] == Kind.EXCEPTION) + 1
    returned = np.flatnonzero(kind[:-1] == Kind.RETURN)

    assert (mode[taken] == Mode.KERNEL).all()
    assert (mode[returned + 1] == prepared.columns.info[returned]).all()


def test_rows_stand_behind_their_instruction(events: list[Event]) -> None:
    """Each return, base switch, invalidation, port access and wait follows the instruction that it is of."""
    assert {Sensitive.IRET, Sensitive.SYSRET} == set(before(events, Kind.RETURN))
    assert {Sensitive.MOV_TO_CR} == set(before(events, Kind.BASE_SWITCH))
    assert {Sensitive.INVLPG} >= set(before(events, Kind.INVALIDATE_PAGE))
    assert {Sensitive.IN, Sensitive.OUT} == set(before(events, Kind.PORT))
    assert {Sensitive.HLT} == set(before(events, Kind.IDLE))


def test_ports_are_the_machines(events: list[Event]) -> None:
    """Port rows name the ports of console, disk, card, number of vCPUs and exit, and how many bytes went where."""
    ports = {(e.page, e.info & 0xFF, e.info >> 8) for e in events if e.kind == Kind.PORT}
    disk = abi_x86_64
    written = {disk.PORT_DISK_BLOCK, disk.PORT_DISK_FRAME, disk.PORT_DISK_COMMAND, disk.PORT_DISK_ACKNOWLEDGE}
    read = {disk.PORT_DISK_STATUS, disk.PORT_DISK_BLOCKS, disk.PORT_VCPUS}
    read |= {disk.PORT_NET_ADDRESS, disk.PORT_NET_STATIONS}  # a machine that is alone asks no more of its card

    assert {(port, 4, 1) for port in written} | {(port, 4, 0) for port in read} == ports - {
        (disk.PORT_CONSOLE, 1, 1),
        (disk.PORT_EXIT, 4, 1),
    }


def test_system_calls_return_by_sysret(events: list[Event]) -> None:
    """A system call returns by sysret, and a fork's does so twice; exits, execs and killed processes' calls do not."""
    calls = Counter(e.page for e in events if e.kind == Kind.EXCEPTION and e.info & CAUSE_MASK == Cause.SYSCALL)
    sysrets = sum(e.instruction == Sensitive.SYSRET for e in events)
    most = sum(calls.values()) - calls[abi.Syscall.EXIT] + calls[abi.Syscall.FORK]

    assert most - 2 * calls[abi.Syscall.FORK] - calls[abi.Syscall.EXEC] - calls[abi.Syscall.KILL] <= sysrets <= most
