"""A trace of one architecture on the machine of another: names, labels, and what the software-refilled machines do."""

from __future__ import annotations

import pytest

import models
from replay.count import count
from replay.errors import UserError
from replay.handmade import Script, handmade_meta
from replay.machine import load_machine
from replay.model import COMMON
from replay.trace.schema import ENTRY_SIZE_SHIFT, ENTRY_VALID, Kind, Mode, Sensitive

LARGE = ENTRY_VALID | 1 << ENTRY_SIZE_SHIFT
LEVEL = 1 << 12


def x86_script() -> Script:
    """An empty trace of an x86-64 machine."""
    return Script(handmade_meta(architecture="x86-64"))


def totals(script: Script, name: str, *, common: bool = False) -> dict[str, int]:
    """Each counter's total under the model ``name``; zeros, and unless asked for what all models count, left out."""
    counts = count(script.prepared(), models.load(name), load_machine("flash-1997"))
    return {c: counts.total(c) for c in counts.counters if counts.total(c) and (common or c not in COMMON)}


def test_a_word_may_mean_a_model_by_architecture() -> None:
    """Bare hardware is what the trace's architecture makes it; a model's own name means it everywhere."""
    assert "native" == models.resolve("bare", "mips64")
    assert "disco" == models.resolve("numa", "x86-64") == models.resolve("disco")
    with pytest.raises(UserError, match=r"^bare means native on a trace of mips64"):
        models.resolve("bare")


def test_words_by_architecture_mean_registered_models() -> None:
    """No word leads to a model that is not there."""
    meant = {model for meanings in models.BY_ARCHITECTURE.values() for model in meanings.values()}

    assert set() == meant - set(models.BUILT_IN)


@pytest.mark.parametrize("architecture", models.ARCHITECTURES)
def test_a_model_is_asked_for_by_its_word(architecture: str) -> None:
    """The word that tables show for a model leads back to it on traces of that architecture."""
    assert list(models.BUILT_IN) == [
        models.resolve(models.word(name, architecture), architecture) for name in models.BUILT_IN
    ]


def test_a_missing_handler_is_the_assumed_one() -> None:
    """On a trace without refill template, a miss takes one refill of nine instructions and maps a page pair."""
    script = x86_script()
    for vpn in (8, 9, 12, 8):
        script.row(Kind.LOAD8, script.user(vpn))

    assert {"utlb_refill": 2, "refill_instruction": 18} == totals(script, "native")
    assert {"refill_forwarded": 2, "refill_instruction": 18, "tlb_write_emulation": 2, "eret_emulation": 2} | {
        "hal_access": 6
    } == totals(script, "disco")


@pytest.mark.parametrize("name", ["native", "disco"])
def test_a_base_switch_is_a_change_of_the_asid(name: str) -> None:
    """Switching to another space and back keeps translations; writing the current base again drops its own."""
    script = x86_script()
    mine, shared = script.user(8, space=1), script.kernel(5)
    refills = []
    for space in (1, 2, 1, 1):
        script.row(Kind.BASE_SWITCH, space, mode=Mode.KERNEL)
        script.row(Kind.LOAD8, mine)
        script.row(Kind.LOAD8, shared)
        counted = totals(script, name)
        refills.append(counted.get("utlb_refill", 0) + counted.get("refill_forwarded", 0))

    assert [2, 2, 2, 3] == refills


@pytest.mark.parametrize(("name", "counter"), [("native", "device_access"), ("disco", "programmed_io")])
def test_an_access_through_a_port_is_charged_once(name: str, counter: str) -> None:
    """The instruction and the PORT row that annotates it are one access to a device."""
    script = x86_script()
    script.sensitive(Sensitive.OUT, 0)
    script.row(Kind.PORT, 0x1F0, 1 | 1 << 8, mode=Mode.KERNEL)

    assert {counter: 1} == totals(script, name)


@pytest.mark.parametrize(
    ("klass", "counter"),
    [
        (Sensitive.PUSHF, "hal_access"),
        (Sensitive.MOV_FROM_CR, "hal_access"),
        (Sensitive.RDMSR, "mfc0_emulation"),
        (Sensitive.MOV_TO_CR, "mtc0_emulation"),
        (Sensitive.POPF, "mtc0_emulation"),
        (Sensitive.CLI, "mtc0_emulation"),
        (Sensitive.IRET, "eret_emulation"),
        (Sensitive.HLT, "wait_emulation"),
        (Sensitive.INVLPG, "tlb_write_emulation"),
        (Sensitive.SWAPGS, "other_emulation"),
    ],
)
def test_privileged_instructions_have_counterparts(klass: Sensitive, counter: str) -> None:
    """Disco takes an x86 kernel's privileged instruction for the one of a MIPS kernel that does the same."""
    script = x86_script()
    script.sensitive(klass, 0)

    assert {counter: 1} == totals(script, "disco")


def test_what_user_mode_may_execute_does_not_trap() -> None:
    """A program that saves and restores its flags is no business of the monitor's."""
    script = x86_script()
    script.sensitive(Sensitive.POPF, 0)
    before = totals(script, "disco")
    script.row(Kind.SENSITIVE, 1, mode=Mode.USER)

    assert before == totals(script, "disco")


def allocations(script: Script, *vpns: int) -> int:
    """Machine pages that Disco allocates when pages at ``vpns`` are touched after the rows of ``script``."""
    for vpn in vpns:
        script.row(Kind.LOAD8, script.user(vpn))
    return totals(script, "disco").get("page_allocation", 0)


def test_entries_of_every_level_are_told_apart() -> None:
    """A leaf entry maps its page, one of 2 MB all six of its region's three pairs; one that names a table maps none."""
    leaf, large, table = x86_script(), x86_script(), x86_script()
    for script in (leaf, large, table):
        for vpn in (512, 514, 1023, 1024):
            script.user(vpn)
    leaf.row(Kind.ENTRY, leaf.user(512), 0, payload=(0, 7 << 12 | ENTRY_VALID, 3))
    large.row(Kind.ENTRY, large.user(512), 1 | LEVEL, payload=(0, 1024 << 12 | LARGE, 3))
    table.row(Kind.ENTRY, table.user(512), 1 | LEVEL, payload=(0, 9 << 12 | ENTRY_VALID, 3))

    assert [1, 6, 0] == [allocations(script, 512, 514, 1023, 1024) for script in (leaf, large, table)]


def test_a_region_that_is_unmapped_maps_nothing() -> None:
    """Clearing an entry of 2 MB takes the frames of all its pages away."""
    script = x86_script()
    first = script.user(512)
    script.user(700)
    entry = 1024 << 12 | LARGE
    script.row(Kind.ENTRY, first, 1 | LEVEL, payload=(0, entry, 3))
    script.row(Kind.ENTRY, first, 1 | LEVEL, payload=(entry, 0, 3))

    assert 0 == allocations(script, 512, 700)
