"""Shadow page tables count exactly what their slow twin counts, on traces that nobody would record."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import models
from replay.count import Counts, count, make_engine, settle
from replay.handmade import DIRECT_MAP, KSEG0, SERVICES, Script, handmade_meta
from replay.kernel import count_rows
from replay.machine import load_machine
from replay.mmu.shadow import OLD, PRESENT, WRITE
from replay.prepare import Prepared
from replay.trace.schema import Cause, Kind, Mode, Segment, Sensitive, Touch

from .shadowing import NaiveShadow, NaiveTrapEmulate
from .switching import NaiveAgile
from .test_models_equal_twins import WALKER

TWINS: dict[str, Any] = {"shadow": NaiveShadow, "trap-emulate": NaiveTrapEmulate, "agile": NaiveAgile}
pytestmark = pytest.mark.parametrize("name", sorted(TWINS))
RELAXED = settings(max_examples=60, deadline=None)
LONG = settings(max_examples=60, deadline=None, phases=[Phase.generate])
USER = [(vpn, space) for space in (1, 2, 3) for vpn in (*range(6), 40, 512, 513, 1 << 18, (1 << 18) + 600, 1 << 27)]
MEMORY = {"x86-64": (DIRECT_MAP, Segment.MAPPED), "mips64": (KSEG0, Segment.UNMAPPED)}
TABLES = range(20, 30)
"""Frames of page tables: few, so that stores meet tables that are watched, given back and linked again."""

ACCESSES = (Kind.FETCH, Kind.LOAD8, Kind.STORE4)
EVENTS = (
    *(Kind.ENTRY, Kind.TABLE_FREE, Kind.TABLE_LINK, Kind.BASE_SWITCH, Kind.BASE_SWITCH, Kind.SENSITIVE, Kind.EXCEPTION),
    *(Kind.EXCEPTION, Kind.INVALIDATE_PAGE, Kind.INVALIDATE_SPACE, Kind.INVALIDATE_ALL, Kind.TLB_PROBE, Kind.PORT),
    *(Kind.SERVICE_ENTER, Kind.SERVICE_EXIT, Kind.IDLE, Kind.SPACE_DESTROY, Kind.REQUEST, Kind.DOORBELL),
    *(Kind.PACKET_SENT, Kind.PACKET_RECEIVED),
)
KINDS = (*ACCESSES, *ACCESSES, Kind.ENTRY, Kind.ENTRY, *EVENTS)
op = st.tuples(
    st.sampled_from(KINDS),
    st.integers(0, len(USER) + 5),
    st.integers(0, 2**16 - 1),
    st.integers(0, 255),
    st.integers(0, 1),
)
hardware = st.fixed_dictionaries({**WALKER, "tlb.vm_tagged": st.integers(0, 1)})
monitor = st.fixed_dictionaries(
    {
        "shadow.policy": st.sampled_from(["trace", "unsync", "adaptive"]),
        "shadow.threshold": st.integers(2, 4),
        "shadow.spaces": st.integers(1, 3),
        "shadow.prefetch": st.sampled_from([0, 1, 4, 511]),
        "agile.switch_level": st.integers(1, 4),
        "nested.page": st.sampled_from(["4KB", "2MB"]),
    }
)


def page_of(script: Script, which: int) -> int:
    """The page that ``which`` names: a user page, one of the kernel's, or the device registers."""
    first, segment = MEMORY[script.meta.architecture]
    if which < len(USER):
        return script.user(*USER[which])
    return script.device() if which == len(USER) + 5 else script.page(first + which, 0, segment)


def add_row(script: Script, kind: Kind, which: int, info: int, n: int, vcpu: int) -> None:
    """One row of ``kind``, its fields drawn from ``which`` and ``info``."""
    page, space = page_of(script, which), info % 5
    if kind < Kind.EXTRA or kind in (Kind.INVALIDATE_PAGE, Kind.TLB_PROBE):
        script.row(kind, page, 0, n, vcpu=vcpu)
    elif kind == Kind.ENTRY:
        bits = info & 0x7F | (info >> 7 & 1) << 7
        old = bits ^ (info >> 8 & 3)
        level = (0, 0, 0, 0, 0, 1, 2, 3)[info >> 10 & 7]
        page = 0 if info >> 13 == 7 else page
        script.entry(page, info & 63, level=level, table=TABLES[info % 10], bits=bits, old=old | 9 << 12, vcpu=vcpu)
    elif kind == Kind.TABLE_FREE:
        script.row(kind, TABLES[info % 10], vcpu=vcpu)
    elif kind == Kind.TABLE_LINK:
        script.row(kind, TABLES[info % 10], 3, vcpu=vcpu, payload=(0, space))
    elif kind in (Kind.BASE_SWITCH, Kind.INVALIDATE_SPACE, Kind.SPACE_DESTROY):
        script.row(kind, space, n=n, vcpu=vcpu, mode=Mode.KERNEL)
    elif kind == Kind.SENSITIVE:
        classes = list(Sensitive)
        script.sensitive(classes[which % len(classes) if info & 1 else info % len(classes)], n, vcpu, info // 64 % 12)
    elif kind == Kind.EXCEPTION:
        cause, touch = Cause(info % 20), Touch(info // 32 % 4)
        script.exception(cause, page if touch else 4, touch, vcpu)
    elif kind in (Kind.PACKET_SENT, Kind.PACKET_RECEIVED):
        script.row(kind, which, info & 8191, n, vcpu=vcpu, mode=Mode.KERNEL)
    elif kind in (Kind.SERVICE_ENTER, Kind.SERVICE_EXIT):
        script.row(kind, SERVICES[info % len(SERVICES)].id, 0, n, vcpu=vcpu)
    else:
        script.row(kind, info, 0, n, vcpu=vcpu, mode=Mode.KERNEL)


def make_trace(architecture: str, ops: list[tuple[Any, ...]], repeat: int) -> Prepared:
    """The rows of ``ops``, ``repeat`` times over."""
    script = Script(handmade_meta(vcpus=2, architecture=architecture))
    for _ in range(repeat):
        for one in ops:
            add_row(script, *one)
    return script.prepared()


def nonzero(counts: Counts) -> dict[tuple[int, int, str], int]:
    """Counts as the twin gives them."""
    return {
        (int(v), int(p), counts.counters[c]): int(counts.n[v, p, c])
        for v, p, c in zip(*counts.n.nonzero(), strict=True)
    }


def taken(name: str, given_settings: dict[str, Any]) -> dict[str, Any]:
    """Those of the parameters that the model called ``name`` has."""
    return {p.name: given_settings[p.name] for p in models.load(name).parameters if p.name in given_settings}


def charged(name: str, prepared: Prepared, given_settings: dict[str, Any]) -> dict[tuple[int, int, str], int]:
    """What the model called ``name`` counts on its own machine."""
    model = models.load(name)
    return nonzero(count(prepared, model, load_machine(model.machine["x86-64"]), given_settings))


def twin_of(name: str, prepared: Prepared, given_settings: dict[str, Any]) -> Any:
    """The twin of the model called ``name``, before the first row."""
    model = models.load(name)
    values = settle(model, load_machine(model.machine["x86-64"]), prepared.meta, given_settings)
    return TWINS[name](prepared, {"tlb.vm_tagged": 0} | values)


@RELAXED
@given(
    architecture=st.sampled_from(sorted(MEMORY)),
    ops=st.lists(op, min_size=1, max_size=80),
    repeat=st.integers(1, 3),
    tlbs=hardware,
    policy=monitor,
)
def test_counts_equal_the_twin(name: str, architecture: str, ops: Any, repeat: int, tlbs: Any, policy: Any) -> None:
    """Every counter of every place and vCPU equals the twin's, whatever the rows, the policy and the hardware."""
    prepared, values = make_trace(architecture, ops, repeat), taken(name, {**tlbs, **policy})

    assert twin_of(name, prepared, values).run() == charged(name, prepared, values)


@LONG
@given(
    architecture=st.sampled_from(sorted(MEMORY)), seed=st.integers(0, 2**32), few=st.integers(2, len(USER)),
    tlbs=hardware, policy=monitor,
)  # fmt: skip
def test_long_traces_equal_the_twin(name: str, architecture: str, seed: int, few: int, tlbs: Any, policy: Any) -> None:
    """So do those of traces long enough to fill, evict and synchronize again and again; so do the shadow entries."""
    choose = random.Random(seed)
    ops = [
        (
            choose.choice(KINDS),
            choose.randrange(few if choose.randrange(4) else len(USER) + 6),
            *(choose.randrange(most) for most in (2**16, 256, 2)),
        )
        for _ in range(300)
    ]
    prepared, values = make_trace(architecture, ops, 1), taken(name, {**tlbs, **policy})
    twin = twin_of(name, prepared, values)

    assert twin.run() == charged(name, prepared, values)
    assert shadow_of(twin) == shadow_entries(name, prepared, values)


def shadow_of(twin: Any) -> dict[int, int]:
    """The twin's shadow entries in the kernel's bits."""
    return {page: PRESENT | WRITE * wide | OLD * (page in twin.old) for page, wide in twin.shadow.items()}


def shadow_entries(name: str, prepared: Prepared, given_settings: dict[str, Any]) -> dict[int, int]:
    """The kernel's shadow entries after the last row."""
    model = models.load(name)
    values = settle(model, load_machine(model.machine["x86-64"]), prepared.meta, given_settings)
    engine = make_engine(prepared, model, values)
    state = model.state(prepared, values, engine.counts)
    count_rows(state, engine, prepared.columns, 0, prepared.columns.kind.size)
    entry = getattr(state.mmu, "upper", state.mmu).entry[2:]
    return {int(page) + 2: int(entry[page]) for page in entry.nonzero()[0]}
