"""Each model's kernel counts exactly what its slow twin counts, on traces that nobody would record."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import models
from replay.count import Counts, count, current, make_engine, settle
from replay.handmade import DIRECT_MAP, KSEG0, KSEG1, SERVICES, Script, handmade_meta
from replay.kernel import count_rows
from replay.machine import load_machine
from replay.prepare import Prepared
from replay.trace.schema import (
    ENTRY_FRAME_SHIFT,
    ENTRY_SIZE_SHIFT,
    FRAME_KINDS,
    PAGE_SHIFT,
    Cause,
    Kind,
    Mode,
    Segment,
    Sensitive,
    Touch,
)

from .walker import held_by

pytestmark = pytest.mark.parametrize("name", ["disco", "ept", "native", "native-walk", "npt"])
RELAXED = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
PAGES = [
    *((vpn, space, Segment.MAPPED) for space in (1, 2) for vpn in (*range(10), 600, 601, 4096, 9000)),
    *((KSEG0 + frame, 0, Segment.UNMAPPED) for frame in range(0, 40, 3)),
    (KSEG1 + 7, 0, Segment.UNCACHED),
    (0xFFFFFFFFBF000, 0, Segment.DEVICE),
]
X86_PAGES = [
    *((vpn, space, Segment.MAPPED) for space in (1, 2) for vpn in (*range(10), 600, 601, 4096, 9000, 1 << 20, 1 << 30)),
    *((DIRECT_MAP + frame, 0, Segment.MAPPED) for frame in range(0, 1200, 60)),
]
X86_CLASSES = [s for s in Sensitive if s >= Sensitive.CLI]
REGISTERS = (0, 3, 4, 8, 0x10, 0x81, 0x100, 0x6E0, 0x80B, 0x832)
EVENTS = [
    Kind.ENTRY, Kind.ENTRY, Kind.TABLE_LINK,
    Kind.TLB_WRITE, Kind.TLB_PROBE, Kind.INVALIDATE_PAGE, Kind.INVALIDATE_SPACE, Kind.INVALIDATE_ALL,
    Kind.SENSITIVE, Kind.EXCEPTION, Kind.RETURN, Kind.SERVICE_ENTER, Kind.SERVICE_EXIT, Kind.IDLE, Kind.ZEROED,
    Kind.BASE_SWITCH, Kind.PORT, Kind.REQUEST, Kind.COMPLETE, Kind.FILLED, Kind.FREED, Kind.MARK_BEGIN,
    Kind.THREAD_SWITCH, Kind.IPI_SEND, Kind.IPI_RECEIVE, Kind.DOORBELL, Kind.PACKET_SENT, Kind.PACKET_RECEIVED,
]  # fmt: skip
op = st.tuples(
    st.one_of(st.sampled_from([Kind.FETCH, Kind.LOAD8, Kind.STORE4]), st.sampled_from(EVENTS)),
    st.integers(0, len(PAGES) - 1),
    st.integers(0, 2**16 - 1),
    st.integers(0, 255),
    st.integers(0, 1),
)
WALKER = {
    **{f"{tlb}.{size}entries": st.sampled_from(n) for tlb, size, n in (
        ("itlb", "", [2, 6]), ("itlb", "large_", [0, 2]), ("dtlb", "", [2, 6]), ("dtlb", "large_", [0, 4]),
        ("stlb", "", [0, 12, 18]), ("stlb", "large_", [0, 4]), ("stlb", "code_", [0, 6]),
        ("pwc", "leaf_", [0, 3, 6]), ("pwc", "middle_", [0, 2]), ("pwc", "upper_", [0, 1, 2]),
    )},
    **{f"{tlb}.{size}ways": st.sampled_from([1, 2, 64]) for tlb, size in (
        ("itlb", ""), ("itlb", "large_"), ("dtlb", ""), ("dtlb", "large_"),
        ("stlb", "large_"), ("stlb", "code_"), ("pwc", "middle_"), ("pwc", "upper_"),
    )},
    "stlb.ways": st.sampled_from([1, 3, 6]), "pwc.leaf_ways": st.sampled_from([1, 3, 64]),
    "stlb.large": st.integers(0, 1), "tlb.tagged": st.integers(0, 1), "tlb.vm_tagged": st.integers(0, 1),
    "nested.page": st.sampled_from(["4KB", "2MB"]), "apic.virtual": st.integers(0, 1),
    "nested.tlb_entries": st.sampled_from([0, 3, 6]), "nested.tlb_ways": st.sampled_from([1, 3, 64]),
    "nested.leaf_entries": st.sampled_from([0, 3]), "nested.middle_entries": st.sampled_from([0, 2]),
    "nested.upper_entries": st.sampled_from([0, 1]),
}  # fmt: skip
"""Values for hardware that walks page tables; odd sizes, ways that divide them, or more."""
geometry = st.fixed_dictionaries(
    {
        "tlb.entries": st.sampled_from([2, 3, 5, 8, 64]),
        "tlb.wired": st.integers(0, 1),
        "tlb.replacement": st.sampled_from(["random", "lru"]),
        "tlb.seed": st.sampled_from([0, 1, 7, 2**64 - 1]),
        **WALKER,
    }
)
software = st.fixed_dictionaries(
    {
        "hal": st.integers(0, 1),
        "l2tlb.entries": st.sampled_from([4, 8, 64]),
        "l2tlb.ways": st.sampled_from([1, 2, 4]),
        "vcpus_per_cpu": st.integers(1, 2),
        "drivers": st.sampled_from(["special", "trapped"]),
        "quantum": st.integers(1000, 3000),
    }
)


def add_row(script: Script, kind: Kind, which: int, info: int, n: int, vcpu: int) -> None:
    """One row of ``kind``, its fields drawn from ``which`` and ``info`` so that they make sense for the kind."""
    on_mips = script.meta.architecture == "mips64"
    vpn, space, segment = (PAGES if on_mips else X86_PAGES)[which]
    page = script.page(vpn, space, segment)
    service = SERVICES[info % len(SERVICES)].id
    if kind < Kind.EXTRA:
        script.row(kind, page, 0, n, vcpu=vcpu, mode=Mode(info % 3))
    elif kind == Kind.SENSITIVE:
        klass = Sensitive(info % 9) if on_mips else X86_CLASSES[info % len(X86_CLASSES)]
        script.sensitive(klass, n, vcpu, register=info // 9 % 32 if on_mips else REGISTERS[info // 64 % len(REGISTERS)])
    elif kind == Kind.EXCEPTION:
        cause, touch = Cause(info % 20), Touch(info // 32 % 4)
        script.exception(cause, page if touch else 4, touch, vcpu)
    elif kind in (Kind.SERVICE_ENTER, Kind.SERVICE_EXIT):
        script.row(kind, service, 0, n, vcpu=vcpu)
    elif kind == Kind.ENTRY:
        level, size = (0, 0) if on_mips else (info >> 4 & 3, info >> 1 & 1)
        new = info << ENTRY_FRAME_SHIFT | size << ENTRY_SIZE_SHIFT | info & 1
        script.row(kind, page, level << 12, n, vcpu=vcpu, payload=(0, new, info >> 6))
    elif kind == Kind.TLB_WRITE:
        index = info % 66 | (info & 0x8000)
        payload = (info << 12 | 1, (info >> 1) << 12 | (info >> 3 & 1))[: info % 3]
        script.row(kind, page, index, n, vcpu=vcpu, payload=payload)
    elif kind == Kind.TLB_PROBE:
        script.row(kind, page, info & 1, n, vcpu=vcpu)
    elif kind == Kind.INVALIDATE_PAGE:
        script.row(kind, page, 0, n, vcpu=vcpu)
    elif kind in (Kind.ZEROED, Kind.FREED):
        script.row(kind, (vpn if segment else info) & 63, 0, n, vcpu=vcpu)
    elif kind in (Kind.INVALIDATE_SPACE, Kind.BASE_SWITCH):
        script.row(kind, info % 3, 0, n, vcpu=vcpu)
    elif kind == Kind.TABLE_LINK:
        script.row(kind, info & 1023, which % 4, n, vcpu=vcpu, mode=Mode.KERNEL, payload=(vpn, info % 3))
    elif kind in FRAME_KINDS:
        script.row(kind, info % (script.meta.memory_bytes >> PAGE_SHIFT), 0, n, vcpu=vcpu, mode=Mode.KERNEL)
    elif kind == Kind.IDLE:
        script.row(kind, info, which % 3, n, vcpu=vcpu)
    elif kind in (Kind.IPI_SEND, Kind.IPI_RECEIVE):
        script.row(kind, which % 4, 0, n, vcpu=vcpu)
    elif kind in (Kind.PACKET_SENT, Kind.PACKET_RECEIVED):
        script.row(kind, which, info & 8191, n, vcpu=vcpu, payload=(which, (info % 3 << 11) << 16 | info & 8))
    elif kind in (Kind.REQUEST, Kind.COMPLETE):
        script.row(kind, which % 4, 0, n, vcpu=vcpu, payload=(info, which))
    else:
        script.row(kind, info, 0, n, vcpu=vcpu, mode=Mode.KERNEL)


def make_trace(ops: list[tuple[Any, ...]], repeat: int, architecture: str = "mips64") -> Prepared:
    """The rows of ``ops``, ``repeat`` times over."""
    script = Script(handmade_meta(vcpus=2, architecture=architecture))
    for _ in range(repeat):
        for one in ops:
            add_row(script, *one)
    return script.prepared()


def chosen(name: str, hardware: dict[str, Any], monitor: dict[str, Any]) -> dict[str, Any]:
    """The parameters that ``name`` takes."""
    known = {p.name for p in models.load(name).parameters}
    return {key: value for key, value in {**hardware, **monitor}.items() if key in known}


def nonzero(counts: Counts) -> dict[tuple[int, int, str], int]:
    """Counts as the twins give them."""
    return {
        (int(v), int(p), counts.counters[c]): int(counts.n[v, p, c])
        for v, p, c in zip(*counts.n.nonzero(), strict=True)
    }


@RELAXED
@given(
    data=st.data(),
    ops=st.lists(op, min_size=1, max_size=60),
    repeat=st.integers(1, 4),
    hardware=geometry,
    monitor=software,
)
def test_counts_equal_the_twins(
    name: str, naive: SimpleNamespace, data: Any, ops: Any, repeat: int, hardware: Any, monitor: Any
) -> None:
    """Every counter of every place and vCPU equals the twin's, whatever the rows and the geometry."""
    prepared = make_trace(ops, repeat, data.draw(st.sampled_from(naive.models[name].architectures)))
    machine, model = load_machine("flash-1997"), models.load(name)
    given_settings = chosen(name, hardware, monitor)
    expected = naive.models[name](prepared, settle(model, machine, prepared.meta, given_settings)).run()

    actual = nonzero(count(prepared, model, machine, given_settings))

    assert expected == actual


@RELAXED
@given(
    data=st.data(),
    ops=st.lists(op, min_size=1, max_size=60),
    repeat=st.integers(1, 3),
    hardware=geometry,
    monitor=software,
)
def test_structures_equal_the_twins(
    name: str, naive: SimpleNamespace, data: Any, ops: Any, repeat: int, hardware: Any, monitor: Any
) -> None:
    """After the last row TLBs hold the twin's pairs, entry by entry, and the pmap its machine pages and backmaps."""
    prepared, model = (
        make_trace(ops, repeat, data.draw(st.sampled_from(naive.models[name].architectures))),
        models.load(name),
    )
    values = settle(model, load_machine("flash-1997"), prepared.meta, chosen(name, hardware, monitor))
    engine = make_engine(prepared, model, values)
    state = model.state(prepared, values, engine.counts)
    count_rows(state, engine, prepared.columns, 0, prepared.columns.kind.size)
    twin = naive.models[name](prepared, values)
    twin.run()

    if "tlb.replacement" in values:
        assert [pair for one in twin.tlbs for pair in one.held] == state.tlb.pair[2:].tolist()
    else:
        for vcpu, one in enumerate(twin.tlbs):
            assert one.state(prepared) == held_by(getattr(state, "mmu", state).paging, prepared, vcpu)
    if name == "disco":
        ways, entries = values["l2tlb.ways"], values["l2tlb.entries"]
        held = {(v, at // ways): [] for v in range(2) for at in range(0, entries, ways)}
        for place, pair in enumerate(state.l2tlb.tags.tolist()):
            held[place // entries, place % entries // ways] += [pair] if pair else []
        assert {k: [pair for pair, _ in twin.l2s[k[0]].held[k[1]]] for k in held} == held
        frames = state.pmap.machine.nonzero()[0].tolist()
        assert twin.pmap.machine == {frame: int(state.pmap.machine[frame]) - 1 for frame in frames}
        backmaps = {f: len(pages) for f, pages in twin.pmap.backmaps.items() if pages}
        assert backmaps == {int(f): int(state.pmap.backmaps[f]) for f in state.pmap.backmaps.nonzero()[0]}
        assert np.count_nonzero(state.pmap.mapped) == state.pmap.backmaps.sum()


@RELAXED
@given(
    ops=st.lists(op, min_size=1, max_size=60),
    cuts=st.lists(st.integers(0, 70)),
    interval=st.integers(1, 1000),
    hardware=geometry,
    monitor=software,
)
def test_counting_in_pieces_changes_nothing(
    name: str, ops: Any, cuts: list[int], interval: int, hardware: Any, monitor: Any
) -> None:
    """A trace counted in pieces or intervals of any length gives the counts of one piece."""
    prepared, machine, model = make_trace(ops, 1), load_machine("flash-1997"), models.load(name)
    values = settle(model, machine, prepared.meta, chosen(name, hardware, monitor))
    rows = prepared.columns.kind.size
    engine = make_engine(prepared, model, values)
    state = model.state(prepared, values, engine.counts)
    ends = sorted({0, rows, *(cut for cut in cuts if cut < rows)})
    for first, last in pairwise(ends):
        count_rows(state, engine, prepared.columns, first, last)

    pieces = current(prepared, model, engine)

    whole = count(prepared, model, machine, chosen(name, hardware, monitor))
    apart = count(prepared, model, machine, chosen(name, hardware, monitor), interval=interval)
    summed = np.zeros_like(whole.n)
    for part in apart.intervals:
        summed.reshape(-1)[part.at] += part.n
    assert np.array_equal(whole.n, pieces)
    assert np.array_equal(whole.n, apart.n)
    assert np.array_equal(whole.n, summed)
