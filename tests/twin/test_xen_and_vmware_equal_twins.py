"""Xen and binary translation count exactly what their slow twins count, on traces that nobody would record."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import models
from replay.count import count, current, make_engine, settle
from replay.handmade import DIRECT_MAP, KSEG0, SERVICES, Script, handmade_meta
from replay.kernel import count_rows
from replay.machine import load_machine
from replay.prepare import Prepared
from replay.trace.schema import INFO_FLAG_SHIFT, Cause, Kind, Mode, Segment, Sensitive, Touch

from .guests import NaiveVMware, NaiveXen

TWINS: dict[str, Any] = {"xen": NaiveXen, "vmware": NaiveVMware}
pytestmark = pytest.mark.parametrize("name", sorted(TWINS))
RELAXED = settings(max_examples=25, deadline=None)
LONG = settings(max_examples=25, deadline=None, phases=[Phase.generate])
USER = [(vpn, space) for space in (1, 2, 3) for vpn in (*range(6), 40, 512, 513, 1 << 18, 1 << 27)]
MEMORY = {"x86-64": (DIRECT_MAP, Segment.MAPPED), "mips64": (KSEG0, Segment.UNMAPPED)}
TABLES = range(20, 28)
"""Frames of page tables: few, so that they are linked, stored to, given back and linked again."""

ACCESSES = (Kind.FETCH, Kind.FETCH, Kind.LOAD8, Kind.STORE4)
CHANGES = (Kind.ENTRY, Kind.ENTRY, Kind.ENTRY, Kind.TABLE_ALLOC, Kind.TABLE_LINK, Kind.TABLE_LINK, Kind.TABLE_FREE)
EVENTS = (
    *(Kind.BASE_SWITCH, Kind.SENSITIVE, Kind.EXCEPTION, Kind.RETURN, Kind.INVALIDATE_PAGE, Kind.INVALIDATE_SPACE),
    *(Kind.INVALIDATE_ALL, Kind.TLB_PROBE, Kind.TLB_WRITE, Kind.PORT, Kind.REQUEST, Kind.SERVICE_ENTER),
    *(Kind.SERVICE_EXIT, Kind.IDLE, Kind.THREAD_SWITCH, Kind.SPACE_DESTROY, Kind.DOORBELL, Kind.PACKET_SENT),
    Kind.PACKET_RECEIVED,
)
KINDS = (*ACCESSES, *ACCESSES, *CHANGES, *EVENTS)
Op = tuple[Kind, int, int, int, int, Mode]
op = st.tuples(
    st.sampled_from(KINDS),
    st.integers(0, len(USER) + 5),
    st.integers(0, 2**16 - 1),
    st.integers(0, 255),
    st.integers(0, 1),
    st.sampled_from([Mode.USER, Mode.KERNEL, Mode.KERNEL]),
)
hardware = st.fixed_dictionaries(
    {
        "itlb.entries": st.sampled_from([1, 2, 4]),
        "itlb.ways": st.sampled_from([1, 1000]),
        "dtlb.entries": st.sampled_from([2, 6]),
        "dtlb.ways": st.sampled_from([2, 1000]),
        "stlb.entries": st.sampled_from([0, 4, 12]),
        "stlb.ways": st.sampled_from([2, 4]),
        "pwc.leaf_entries": st.integers(0, 2),
        "pwc.middle_entries": st.integers(0, 1),
        "pwc.upper_entries": st.integers(0, 1),
        "tlb.tagged": st.integers(0, 1),
    }
)
monitors = {
    "xen": st.fixed_dictionaries(
        {
            "queue": st.sampled_from([1, 2, 3, 7, 2048]),
            "pin": st.sampled_from(["link", "switch"]),
            "abi": st.sampled_from(["x86-32", "x86-64"]),
        }
    ),
    "vmware": st.fixed_dictionaries(
        {
            "code_cache": st.sampled_from([64, 70, 200, 1 << 20]),
            "shadow.policy": st.sampled_from(["trace", "unsync", "adaptive"]),
            "shadow.spaces": st.integers(1, 3),
        }
    ),
}


def page_of(script: Script, which: int) -> int:
    """The page that ``which`` names: a user page, one of the kernel's, or the device registers."""
    first, segment = MEMORY[script.meta.architecture]
    if which < len(USER):
        return script.user(*USER[which])
    return script.device() if which == len(USER) + 5 else script.page(first + which, 0, segment)


def add_row(script: Script, kind: Kind, which: int, info: int, n: int, vcpu: int, mode: Mode) -> None:
    """One row of ``kind``, its fields drawn from ``which`` and ``info``."""
    page, space, frame = page_of(script, which), info % 5, TABLES[info % len(TABLES)]
    if kind == Kind.FETCH:
        offset = (info & 3) * 64 + (info >> 2 & 15) * 4
        script.row(kind, page, offset | (info >> 6) % 6 << INFO_FLAG_SHIFT, n % 40, vcpu=vcpu, mode=mode)
    elif kind < Kind.EXTRA:
        script.row(kind, page, info & 255, n % 40, vcpu=vcpu, mode=mode)
    elif kind in (Kind.INVALIDATE_PAGE, Kind.TLB_PROBE, Kind.TLB_WRITE):
        script.row(kind, page, 0, n, vcpu=vcpu, mode=mode)
    elif kind == Kind.ENTRY:
        bits = info & 0x7F | (info >> 7 & 1) << 7
        old, level = bits ^ (info >> 8 & 3), (0, 0, 0, 0, 0, 1, 2, 3)[info >> 10 & 7]
        table = 2**40 if info >> 13 == 1 else frame
        target = 0 if info >> 13 == 7 else page
        script.entry(target, info & 63, level=level, table=table, bits=bits, old=old | 9 << 12, vcpu=vcpu)
    elif kind in (Kind.TABLE_ALLOC, Kind.TABLE_FREE):
        script.row(kind, frame, vcpu=vcpu, mode=mode)
    elif kind == Kind.TABLE_LINK:
        script.row(kind, frame, 3 * (info >> 12 & 1), vcpu=vcpu, mode=mode, payload=(0, space))
    elif kind in (Kind.BASE_SWITCH, Kind.INVALIDATE_SPACE, Kind.SPACE_DESTROY):
        script.row(kind, space, n=n, vcpu=vcpu, mode=mode)
    elif kind == Kind.RETURN:
        script.row(kind, 0, info % 3, n, vcpu=vcpu, mode=mode)
    elif kind == Kind.SENSITIVE:
        script.sensitive(list(Sensitive)[info % len(Sensitive)], n, vcpu, info // 64 % 12)
        site = script.rows.pop()
        script.rows.append((site[0], vcpu | mode << 4, *site[2:]))
    elif kind == Kind.EXCEPTION:
        cause, touch = Cause(info % 20), Touch(info // 32 % 4)
        script.row(kind, page if touch else 4, cause | touch << 5, n, vcpu=vcpu, mode=mode)
    elif kind in (Kind.SERVICE_ENTER, Kind.SERVICE_EXIT):
        script.row(kind, SERVICES[info % len(SERVICES)].id, 0, n, vcpu=vcpu, mode=mode)
    else:
        script.row(kind, info & 1023, which % 3, n, vcpu=vcpu, mode=mode)


def make_trace(architecture: str, ops: list[Op], repeat: int) -> Prepared:
    """The rows of ``ops``, ``repeat`` times over."""
    script = Script(handmade_meta(vcpus=2, architecture=architecture))
    for _ in range(repeat):
        for one in ops:
            add_row(script, *one)
    return script.prepared()


def charged(name: str, prepared: Prepared, given_settings: dict[str, Any]) -> dict[tuple[int, int, str], int]:
    """What the model called ``name`` counts on its own machine, as its twin gives it."""
    model = models.load(name)
    counts = count(prepared, model, load_machine(model.machine["x86-64"]), given_settings)
    return {
        (int(v), int(p), counts.counters[c]): int(counts.n[v, p, c])
        for v, p, c in zip(*counts.n.nonzero(), strict=True)
    }


def twin_of(name: str, prepared: Prepared, given_settings: dict[str, Any]) -> Any:
    """The twin of the model called ``name``, before the first row."""
    model = models.load(name)
    return TWINS[name](prepared, settle(model, load_machine(model.machine["x86-64"]), prepared.meta, given_settings))


@RELAXED
@given(
    data=st.data(), architecture=st.sampled_from(sorted(MEMORY)), ops=st.lists(op, min_size=1, max_size=80),
    repeat=st.integers(1, 3), tlbs=hardware,
)  # fmt: skip
def test_counts_equal_the_twin(name: str, data: Any, architecture: str, ops: Any, repeat: int, tlbs: Any) -> None:
    """Every counter of every place and vCPU equals the twin's, whatever the rows, the parameters and the hardware."""
    prepared, values = make_trace(architecture, ops, repeat), {**tlbs, **data.draw(monitors[name])}

    assert twin_of(name, prepared, values).run() == charged(name, prepared, values)


def random_ops(seed: int, few: int, rows: int) -> list[Op]:
    """``rows`` rows, mostly on ``few`` pages."""
    choose = random.Random(seed)
    return [
        (
            choose.choice(KINDS),
            choose.randrange(few) if choose.randrange(4) else choose.randrange(len(USER) + 6),
            choose.randrange(2**16),
            choose.randrange(256),
            choose.randrange(2),
            choose.choice([Mode.USER, Mode.KERNEL, Mode.KERNEL]),
        )
        for _ in range(rows)
    ]


@LONG
@given(
    data=st.data(), architecture=st.sampled_from(sorted(MEMORY)), seed=st.integers(0, 2**32),
    few=st.integers(2, len(USER)), tlbs=hardware,
)  # fmt: skip
def test_long_traces_equal_the_twin(name: str, data: Any, architecture: str, seed: int, few: int, tlbs: Any) -> None:
    """So do those of traces long enough to fill queues and code caches again and again."""
    prepared = make_trace(architecture, random_ops(seed, few, 300), 1)
    values = {**tlbs, **data.draw(monitors[name])}

    assert twin_of(name, prepared, values).run() == charged(name, prepared, values)


@LONG
@given(
    data=st.data(), architecture=st.sampled_from(sorted(MEMORY)), seed=st.integers(0, 2**32),
    cuts=st.lists(st.integers(0, 120)), tlbs=hardware,
)  # fmt: skip
def test_pieces_count_what_the_whole_counts(
    name: str, data: Any, architecture: str, seed: int, cuts: list[int], tlbs: Any
) -> None:
    """A trace counted in pieces of any length gives the counts of one piece."""
    prepared, model = make_trace(architecture, random_ops(seed, 9, 100), 1), models.load(name)
    given_settings = {**tlbs, **data.draw(monitors[name])}
    machine = load_machine(model.machine["x86-64"])
    values = settle(model, machine, prepared.meta, given_settings)
    engine = make_engine(prepared, model, values)
    state, rows = model.state(prepared, values, engine.counts), prepared.columns.kind.size
    for first, last in pairwise(sorted({0, rows, *(cut for cut in cuts if cut < rows)})):
        count_rows(state, engine, prepared.columns, first, last)

    assert np.array_equal(count(prepared, model, machine, given_settings).n, current(prepared, model, engine))
