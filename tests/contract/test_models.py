"""What every registered model must hold, whoever wrote it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import models
from models import ARCHITECTURES
from replay import model as groups
from replay.count import Counts, count, current, make_engine, settle
from replay.handmade import Script, handmade_meta
from replay.kernel import count_rows
from replay.machine import load_machine
from replay.model import COMMON, IDLE, Access, Guest, Model, Reaction, guest_events
from replay.price import price
from replay.primitives import primitives
from replay.trace.schema import Cause, Kind, Sensitive, ServiceClass, Touch

pytestmark = pytest.mark.parametrize("name", sorted(models.entries()))
VIRTUALIZATION = {Reaction.TRAPPED, Reaction.HYPERCALL, Reaction.TRANSLATED, Reaction.HARDWARE}


LABELS = {"faithful", "ported", "hypothetical"}

on_both = pytest.mark.parametrize("architecture", ARCHITECTURES)


def charge(name: str, script: Script, **given: Any) -> Counts:
    """The counts of ``script`` under the model called ``name`` on its machine for such traces."""
    model = models.load(name)
    return count(script.prepared(), model, load_machine(model.machine[script.meta.architecture]), given)


def totals(counts: Counts) -> dict[str, int]:
    """Each model counter's total, without those that all models share."""
    return {c: counts.total(c) for c in counts.counters if c not in COMMON}


def warm_script(architecture: str) -> Script:
    """A trace whose pages are all defined, mapped and in the TLB before the event of a test."""
    script = Script(handmade_meta(architecture=architecture))
    for page in (script.user(0), script.user(1), script.user(2), script.kernel(5), script.kernel(0)):
        script.row(Kind.LOAD8, page)
    if architecture == "mips64":
        script.device()
    return script


ELSEWHERE = {
    "mips64": (),
    "x86-64": (
        *(Access.UNMAPPED, Access.DEVICE, Cause.REFILL, Cause.NESTED_REFILL),
        *(Kind.TLB_WRITE, Kind.TLB_PROBE, *groups.MIPS_PRIVILEGED),
    ),
}
"""Architecture -> guest events that its machines do not know."""


def known_events(architecture: str) -> list[Guest]:
    """Every class of guest event that a trace of ``architecture`` may hold."""
    return [event for event in guest_events() if not any(event is other for other in ELSEWHERE[architecture])]


def add_event(script: Script, event: Guest) -> None:
    """Append one guest event of the class ``event``."""
    if isinstance(event, Access):
        page = {
            Access.HIT: script.user(0),
            Access.MISS: script.user(40),
            Access.UNMAPPED: script.kernel(9),
            Access.DEVICE: script.device(),
        }[event]
        script.row(Kind.STORE8, page)
    elif isinstance(event, Cause):
        script.exception(event, script.user(0), Touch.LOAD)
    elif isinstance(event, Sensitive):
        script.sensitive(event, n=0)
    elif event == Kind.ZEROED:
        script.row(Kind.SERVICE_ENTER, 10)
        script.row(Kind.ZEROED, 77)
        script.row(Kind.SERVICE_EXIT, 0)
    elif event in (Kind.ENTRY, Kind.TLB_WRITE):
        script.row(event, script.user(2), 3, payload=(50 << 12 | 1, 51 << 12 | 1, 5))
    elif event == Kind.INVALIDATE_PAGE or event == Kind.TLB_PROBE:
        script.row(event, script.user(2), 1)
    elif event in (Kind.SERVICE_ENTER, Kind.SERVICE_EXIT):
        script.row(event, 0)
    else:
        script.row(event, 1, 0)


def eventful_script(architecture: str) -> Script:
    """A trace with every event that such a machine knows, twice over, and accesses and instructions in between."""
    script = warm_script(architecture)
    for turn, event in enumerate(2 * known_events(architecture)):
        add_event(script, event)
        script.row(Kind.LOAD4, script.user(turn % 90), n=1 + turn % 3)
    return script


def ticked(name: str, event: Guest, architecture: str = "mips64") -> set[str]:
    """The counters that one event of the class ``event`` ticks."""
    before, after = warm_script(architecture), warm_script(architecture)
    add_event(after, event)
    were, are = totals(charge(name, before)), totals(charge(name, after))
    return {counter for counter in are if are[counter] != were[counter]}


@on_both
def test_reactions_agree_with_behaviour(name: str, architecture: str) -> None:
    """One event of each class ticks what the reaction table says it ticks, and nothing that it does not name."""
    model = models.load(name)
    for event in known_events(architecture):
        row = model.reaction(event)
        named = {row.ticks, *row.may} - {""}

        actual = ticked(name, event, architecture)

        assert actual <= named, event
        assert {row.ticks} - {""} <= actual, event


def test_state_dependent_events_tick_something(name: str) -> None:
    """A TLB miss, a device access and an idle wait are each counted by every model."""
    for event in (Access.MISS, Access.DEVICE, Kind.IDLE):
        assert ticked(name, event), event


def test_waiting_is_counted_in_device_time(name: str) -> None:
    """Each model counts the units that the guest waited under one name, so that they can be recomputed."""
    script = Script()
    script.row(Kind.IDLE, 1000)

    assert 1000 == charge(name, script).total(IDLE)


@on_both
def test_every_counter_has_a_price(name: str, architecture: str) -> None:
    """Each counter has a cost, and on its machine for such traces each cost of it and its bare machine has prices."""
    model, meta = models.load(name), handmade_meta(architecture=architecture)
    prices = primitives(load_machine(model.machine[architecture]), meta)

    for charged in (model, models.load(model.baseline)):
        assert set(charged.counters) == set(charged.costs)
        for cost in charged.costs.values():
            for klass in ServiceClass:
                assert set() == set(cost.names(klass)) - set(prices)


def test_every_pair_has_a_label_rules_and_a_machine(name: str) -> None:
    """On a trace of either architecture a model is labelled; where it is not faithful it says by which rules it is."""
    model = models.load(name)

    assert list(ARCHITECTURES) == sorted(model.fidelity) == sorted(model.machine)
    assert set() == set(model.fidelity.values()) - LABELS
    for architecture, label in model.fidelity.items():
        assert (label == "faithful") == (not model.rules.get(architecture))
        for rule in model.rules.get(architecture, ()):
            assert rule == " ".join(rule.split())
            assert (rule[-1], len(rule) <= 120) == (rule[-1].strip("."), True)


def test_a_bare_machine_is_its_own(name: str) -> None:
    """What a model is compared with is a registered machine without a monitor, which is compared with itself."""
    model = models.load(name)
    bare = models.load(model.baseline)

    assert (model.baseline, model.baseline) == (bare.name, bare.baseline)
    assert not {row.reaction for row in bare.reactions} & VIRTUALIZATION


def test_registry_and_model_agree(name: str) -> None:
    """A model is called what the registry calls it, with the same summary, aliases and labels."""
    entry, model = models.entries()[name], models.load(name)

    assert (name, entry.summary, entry.aliases) == (model.name, model.summary, model.aliases)
    assert entry.fidelity == model.fidelity
    for alias in entry.aliases:
        assert models.load(alias) is model


@on_both
def test_same_trace_same_counts(name: str, architecture: str) -> None:
    """Two runs over one trace give equal counts."""
    script = eventful_script(architecture)

    assert np.array_equal(charge(name, script).n, charge(name, script).n)


@on_both
def test_counting_row_by_row_changes_nothing(name: str, architecture: str) -> None:
    """A trace counted in pieces of one row gives the counts of the whole: no state hides in the loop."""
    prepared, model = eventful_script(architecture).prepared(), models.load(name)
    values = settle(model, load_machine(model.machine[architecture]), prepared.meta, {})
    counted = []
    for step in (1, prepared.columns.kind.size):
        engine = make_engine(prepared, model, values)
        state = model.state(prepared, values, engine.counts)
        for first in range(0, prepared.columns.kind.size, step):
            count_rows(state, engine, prepared.columns, first, first + step)
        counted.append(current(prepared, model, engine))

    assert np.array_equal(*counted)


@on_both
def test_nothing_is_counted_below_zero(name: str, architecture: str) -> None:
    """No counter of any place falls below zero, whatever happens."""
    assert (charge(name, eventful_script(architecture)).n >= 0).all()


@on_both
def test_references_and_instructions_are_the_trace_s(name: str, architecture: str) -> None:
    """Kept services retire every recorded instruction and reference; replaced refills retire none."""
    script = Script(handmade_meta(architecture=architecture))
    page = script.user(0)
    script.row(Kind.LOAD8, page, n=3)
    script.row(Kind.SERVICE_ENTER, 2, n=1)
    script.row(Kind.LOAD8, page, n=10)
    script.row(Kind.SERVICE_EXIT, 0, n=20)
    script.row(Kind.STORE8, page, n=5)

    counts = charge(name, script)

    assert counts.total("instructions") == 3 + 1 + 5
    assert counts.total("references") == 2


@on_both
def test_rows_sum_to_the_total(name: str, architecture: str) -> None:
    """The document's rows add up to its total exactly, and so do their bounds."""
    script = eventful_script(architecture)
    for vpn in range(300):
        script.row(Kind.LOAD8, script.user(vpn), n=7)
    model = models.load(name)
    machine = load_machine(model.machine["mips64"])

    document = price(charge(name, script), model, machine)

    for field in ("cycles", "low", "high"):
        assert document["total"][field] == sum(row[field] for row in document["rows"])
    assert document["total"]["low"] <= document["total"]["cycles"] <= document["total"]["high"]


def test_the_bare_machine_knows_no_monitor(name: str) -> None:
    """A bare machine reacts to nothing by virtualization; any other model does so to something."""
    model: Model = models.load(name)
    reactions = {row.reaction for row in model.reactions}

    assert bool(reactions & VIRTUALIZATION) == (name != model.baseline)


TLB_SIZES = {
    "tlb.entries": ({"tlb.replacement": "lru"}, ()),
    "stlb.entries": ({"dtlb.entries": 4, "dtlb.ways": 4}, ("stlb.ways",)),
}
"""Size of the last TLB before a miss is dear -> what else is set, and what is set to the same: it is one set."""


@on_both
def test_more_lru_entries_never_miss_more(name: str, architecture: str) -> None:
    """LRU has the inclusion property: a larger TLB takes no more misses that reach the slow path."""
    script, x = Script(handmade_meta(architecture=architecture)), 1
    for _ in range(4000):
        x = x * 1103515245 + 12345 & 0x7FFFFFFF
        script.row(Kind.LOAD8, script.user((x >> 8) % 200))
    taken = {parameter.name for parameter in models.load(name).parameters}
    (size,) = taken & set(TLB_SIZES)
    given, same = TLB_SIZES[size]
    misses = []
    for entries in (8, 16, 32, 64, 128):
        counts = charge(name, script, **{size: entries, **given, **dict.fromkeys(same, entries)})
        slow = {"utlb_refill", "l2tlb_hit", "page_walk"} & set(counts.counters)
        misses.append(sum(counts.total(counter) for counter in slow))

    assert misses == sorted(misses, reverse=True)
    assert misses[0] > misses[-1]
