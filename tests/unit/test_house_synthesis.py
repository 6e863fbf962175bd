"""What a trace lacks is refused, or a stated rule stands in for it when it is asked for."""

from __future__ import annotations

import dataclasses

import pytest

import models
from replay.count import Counts, count
from replay.errors import UserError
from replay.handmade import Script, handmade_meta
from replay.machine import load_machine
from replay.prepare import Prepared
from replay.price import price
from replay.synthesize import RULES, synthesize
from replay.trace.schema import Kind
from replay.words import words


def imported(*touches: tuple[Kind, int, int]) -> Prepared:
    """A trace of accesses alone (kind, vpn, space), as a tool that only follows a program's memory makes it."""
    meta = dataclasses.replace(handmade_meta(architecture="x86-64"), groups=("access",), memory_bytes=1 << 12)
    script = Script(meta)
    for kind, vpn, space in touches:
        script.row(kind, script.user(vpn, space), n=2)
    return script.prepared()


def charge(prepared: Prepared, name: str = "native-walk") -> Counts:
    """The counts of ``prepared`` under a model on its machine."""
    model = models.load(name)
    return count(prepared, model, load_machine(model.machine[prepared.meta.architecture]))


def test_a_lack_is_refused_with_what_would_supply_it() -> None:
    """Without page-table events a model refuses, says what it misses and names both remedies."""
    with pytest.raises(
        UserError,
        match=r"needs the trace's translation events \(page-table stores, .*record a guest .*--synthesize first-touch",
    ):
        charge(imported((Kind.LOAD8, 4, 1)))


def test_the_rule_says_what_happens() -> None:
    """Each page's first access faults and is mapped, a table is made for each region, a new space is switched to."""
    prepared = synthesize(
        imported((Kind.STORE8, 4, 1), (Kind.LOAD8, 4, 1), (Kind.FETCH, 5, 1), (Kind.LOAD8, 600, 2)), "first-touch"
    )
    teller, payload, told, rights = words(prepared), [], [], "(writable, user, executable)"
    for row, kind in enumerate(prepared.columns.kind.tolist()):
        if kind == Kind.EXTRA:
            payload.append(int(prepared.columns.page[row]))
        else:
            told.append(teller.row(row, payload))
            payload = []

    assert [
        "space 1 becomes current, ASID 0",
        "exception NOT_PRESENT: a store at 0x4000 of space 1 is cut off",
        "frame 0x0 becomes a page table of level 0",
        "table 0x0 of level 0 is linked",
        "page-table entry 4 of level 0 for 0x4000 of space 1: nothing becomes frame 0x1 (writable, user, executable)",
        "return from exception to user mode",
        "store 8 bytes at 0x4000 of space 1",
        "load 8 bytes at 0x4000 of space 1",
        "exception NOT_PRESENT: a fetch at 0x5000 of space 1 is cut off",
        "page-table entry 5 of level 0 for 0x5000 of space 1: nothing becomes frame 0x2 (writable, user, executable)",
        "return from exception to user mode",
        "fetch 0x5000 of space 1, sequential",
        "space 2 becomes current, ASID 0",
        "exception NOT_PRESENT: a load at 0x258000 of space 2 is cut off",
        "frame 0x3 becomes a page table of level 0",
        "table 0x3 of level 0 is linked",
        f"page-table entry 88 of level 0 for 0x258000 of space 2: nothing becomes frame 0x4 {rights}",
        "return from exception to user mode",
        "load 8 bytes at 0x258000 of space 2",
        "the recording ends",
    ] == told
    assert 5 << 12 == prepared.meta.memory_bytes


@pytest.mark.parametrize("name", sorted(models.BUILT_IN))
def test_every_model_takes_what_the_rule_made(name: str) -> None:
    """Each model charges a synthesized trace with every instruction and access of the program."""
    touches = [(Kind.STORE8, vpn % 37, 1) for vpn in range(100)]

    counts = charge(synthesize(imported(*touches), "first-touch"), name)

    assert (200, 100) == (counts.total("instructions"), counts.total("references"))


def test_results_say_the_rule() -> None:
    """The document of a synthesized trace states the rule in full, and its digest is another."""
    bare = imported((Kind.LOAD8, 4, 1))
    counts, model = charge(synthesize(bare, "first-touch")), models.load("native-walk")

    document = price(counts, model, load_machine("skylake-2017"))

    assert f"first-touch: {RULES['first-touch']}" == document["trace"]["synthesized"]
    assert f"{bare.digest}+first-touch" == document["trace"]["digest"]


@pytest.mark.parametrize(
    ("groups", "rule", "message"),
    [
        (("access",), "fist-touch", "unknown rule 'fist-touch'; did you mean 'first-touch'"),
        (("translation",), "first-touch", "needs a trace with accesses"),
        (
            ("access", "translation"),
            "first-touch",
            "has page-table events of its own; leave --synthesize first-touch out",
        ),
    ],
)
def test_a_rule_that_does_not_fit_is_refused(groups: tuple[str, ...], rule: str, message: str) -> None:
    """An unknown rule, and one that has nothing to stand in for, is an error in one line."""
    prepared = imported((Kind.LOAD8, 4, 1))
    with pytest.raises(UserError, match=message):
        synthesize(prepared._replace(meta=dataclasses.replace(prepared.meta, groups=groups)), rule)
