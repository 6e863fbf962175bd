"""What every registered model must hold, whoever wrote it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import models
from replay.count import Counts, count
from replay.handmade import Script, handmade_meta
from replay.machine import load_machine
from replay.model import COMMON, IDLE, Access, Guest, Model, Reaction, guest_events
from replay.price import price, primitives
from replay.trace.schema import Cause, Kind, Sensitive, ServiceClass, Touch

pytestmark = pytest.mark.parametrize("name", sorted(models.entries()))
VIRTUALIZATION = {Reaction.TRAPPED, Reaction.HYPERCALL, Reaction.TRANSLATED, Reaction.HARDWARE}


def charge(name: str, script: Script, **given: Any) -> Counts:
    """The counts of ``script`` under the model called ``name`` on the default machine."""
    model = models.load(name)
    return count(script.prepared(), model, load_machine(model.machine["mips64"]), given)


def totals(counts: Counts) -> dict[str, int]:
    """Each model counter's total, without those that all models share."""
    return {c: counts.total(c) for c in counts.counters if c not in COMMON}


def warm_script() -> Script:
    """A trace whose pages are all defined, mapped and in the TLB before the event of a test."""
    script = Script()
    for page in (script.user(0), script.user(1), script.user(2), script.kernel(5), script.kernel(0)):
        script.row(Kind.LOAD8, page)
    script.device()
    return script


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


def ticked(name: str, event: Guest) -> set[str]:
    """The counters that one event of the class ``event`` ticks."""
    before, after = warm_script(), warm_script()
    add_event(after, event)
    were, are = totals(charge(name, before)), totals(charge(name, after))
    return {counter for counter in are if are[counter] != were[counter]}


def test_reactions_agree_with_behaviour(name: str) -> None:
    """One event of each class ticks what the reaction table says it ticks, and nothing that it does not name."""
    model = models.load(name)
    for event in guest_events():
        row = model.reaction(event)
        named = {row.ticks, *row.may} - {""}

        actual = ticked(name, event)

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


def test_every_counter_has_a_price(name: str) -> None:
    """Each counter has a cost, each cost a counter, and the machine's price set prices every primitive."""
    model, meta = models.load(name), handmade_meta()
    prices = primitives(load_machine(model.machine["mips64"]), meta)

    assert set(model.counters) == set(model.costs)
    for cost in model.costs.values():
        for klass in ServiceClass:
            assert set(cost.names(klass)) <= set(prices)


def test_registry_and_model_agree(name: str) -> None:
    """A model is called what the registry calls it, with the same summary and aliases."""
    entry, model = models.entries()[name], models.load(name)

    assert (name, entry.summary, entry.aliases) == (model.name, model.summary, model.aliases)
    for alias in entry.aliases:
        assert models.load(alias) is model


def test_same_trace_same_counts(name: str) -> None:
    """Two runs over one trace give equal counts."""
    script = warm_script()
    add_event(script, Access.MISS)

    assert np.array_equal(charge(name, script).n, charge(name, script).n)


def test_references_and_instructions_are_the_trace_s(name: str) -> None:
    """Kept services retire every recorded instruction and reference; replaced refills retire none."""
    script = Script()
    page = script.user(0)
    script.row(Kind.LOAD8, page, n=3)
    script.row(Kind.SERVICE_ENTER, 2, n=1)
    script.row(Kind.LOAD8, page, n=10)
    script.row(Kind.SERVICE_EXIT, 0, n=20)
    script.row(Kind.STORE8, page, n=5)

    counts = charge(name, script)

    assert counts.total("instructions") == 3 + 1 + 5
    assert counts.total("references") == 2


def test_rows_sum_to_the_total(name: str) -> None:
    """The document's rows add up to its total exactly, and so do their bounds."""
    script = warm_script()
    for vpn in range(300):
        script.row(Kind.LOAD8, script.user(vpn), n=7)
    model = models.load(name)
    machine = load_machine(model.machine["mips64"])

    document = price(charge(name, script), model, machine)

    for field in ("cycles", "low", "high"):
        assert document["total"][field] == sum(row[field] for row in document["rows"])
    assert document["total"]["low"] <= document["total"]["cycles"] <= document["total"]["high"]


def test_the_bare_machine_knows_no_monitor(name: str) -> None:
    """Native reacts to nothing by virtualization; any other model does so to something."""
    model: Model = models.load(name)
    reactions = {row.reaction for row in model.reactions}

    assert bool(reactions & VIRTUALIZATION) == (name != model.baseline)


def test_more_lru_entries_never_miss_more(name: str) -> None:
    """LRU has the inclusion property: a larger TLB takes no more misses that reach the slow path."""
    script, x = Script(), 1
    for _ in range(4000):
        x = x * 1103515245 + 12345 & 0x7FFFFFFF
        script.row(Kind.LOAD8, script.user((x >> 8) % 200))
    known = {p.name for p in models.load(name).parameters}
    misses = []
    for entries in (8, 16, 32, 64, 128):
        sizes = {"tlb.entries": entries, "tlb.replacement": "lru", "dtlb.entries": entries, "dtlb.ways": entries}
        counts = charge(name, script, **{key: value for key, value in sizes.items() if key in known})
        found = ("utlb_refill", "l2tlb_hit", "stlb_hit", "page_walk")
        misses.append(sum(counts.total(c) for c in found if c in counts.counters))

    assert misses == sorted(misses, reverse=True)
    assert misses[0] > misses[-1]
