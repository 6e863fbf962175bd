"""Guests really executed and recorded, in this process: what the file holds agrees with the machine and the models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import models
from models.native import recorded_refills
from replay.count import count
from replay.errors import UserError
from replay.info import describe
from replay.machine import load_machine
from replay.prepare import Prepared, prepare
from replay.trace.schema import Kind, Mode
from tracegen import abi
from tracegen.record import RecordSummary, record

SIZES: dict[str, dict[str, int]] = {
    "radix": {"keys": 20_000, "radix": 256},
    "gups": {"words": 1 << 17, "updates": 3_000},
    "usertests": {},
    "pmake": {"jobs": 3},
}
LAST_WORDS = {
    "radix": ", sorted\n",
    "gups": ", 0 wrong\n",
    "usertests": "pages and blocks: all back\n",
    "pmake": "pmake: check is made: 76 commands\n",
}
MEMORY = 16 << 20
"""Bytes of the guest's memory: its tests use up what there is."""


def make(name: str, output: Path, seed: int) -> RecordSummary:
    """A small recording of a workload."""
    return record(name, SIZES[name], output=output, seed=seed, memory_bytes=MEMORY)


@pytest.fixture(scope="module", params=SIZES)
def recorded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> RecordSummary:
    """A small recording of each workload."""
    output = tmp_path_factory.mktemp(request.param) / "t.arrow"
    return make(request.param, output, 11)


@pytest.fixture
def prepared(recorded: RecordSummary) -> Prepared:
    """The recording, ready to be counted."""
    return prepare(str(recorded.path))


def test_native_with_the_recorders_tlb_repeats_its_refills(prepared: Prepared) -> None:
    """The bare machine with the recorder's geometry and seed takes the recorded refills one for one."""
    counts = count(prepared, models.load("native"), load_machine("flash-1997"), {})
    truth = recorded_refills(prepared)

    assert truth == {name: counts.total(name) for name in truth}
    assert truth["nested_refill"] > 0


def test_another_tlb_takes_other_refills(prepared: Prepared) -> None:
    """The self-check can fail: a TLB of twice the size refills less often than the recorder did."""
    counts = count(prepared, models.load("native"), load_machine("flash-1997"), {"tlb.entries": 128})

    assert counts.total("utlb_refill") < recorded_refills(prepared)["utlb_refill"]


def test_instructions_are_conserved(recorded: RecordSummary, prepared: Prepared) -> None:
    """The rows' retired counts sum to what the machine retired, and native charges each of them once."""
    counts = count(prepared, models.load("native"), load_machine("flash-1997"), {})

    assert recorded.instructions == int(prepared.columns.n.sum(dtype=np.int64))
    assert recorded.instructions == counts.total("instructions") + counts.total("refill_instruction")


def test_the_guest_checks_its_own_answer(recorded: RecordSummary, prepared: Prepared) -> None:
    """A recorded workload ends with status 0 after comparing its result."""
    assert (0, "exit") == (recorded.status, recorded.reason)
    assert recorded.console.endswith(LAST_WORDS[prepared.meta.workload])


def test_the_same_arguments_give_the_same_bytes(recorded: RecordSummary, prepared: Prepared, tmp_path: Path) -> None:
    """A second recording, in another folder and under another name, is the same file."""
    again = make(prepared.meta.workload, tmp_path / "other.arrow", 11)

    assert recorded.path.read_bytes() == again.path.read_bytes()


def test_another_seed_gives_other_refills(recorded: RecordSummary, prepared: Prepared, tmp_path: Path) -> None:
    """The seed chooses TLB victims and nothing about the guest's answer, whatever order parallel commands end in."""
    other = make(prepared.meta.workload, tmp_path / "t.arrow", 12)

    assert sorted(recorded.console.splitlines()) == sorted(other.console.splitlines())
    assert recorded_refills(prepared) != recorded_refills(prepare(str(other.path)))


def test_info_agrees_with_the_rows(recorded: RecordSummary) -> None:
    """The facts that info reads off the closing batch are those of the recording."""
    facts = describe(str(recorded.path))

    assert recorded.rows == facts["rows"] == sum(facts["rows_by_kind"].values()) == sum(facts["rows_by_group"].values())
    assert (recorded.instructions, recorded.bytes, 0) == (facts["instructions"], facts["bytes"], facts["status"])
    assert facts["complete"]


def test_modes_follow_the_crossings(prepared: Prepared) -> None:
    """After an exception rows are in kernel mode, and a return names the mode of the rows after it."""
    kind, mode = prepared.columns.kind, prepared.columns.ctx >> 4
    taken = np.flatnonzero(kind[:-1] == Kind.EXCEPTION) + 1
    returned = np.flatnonzero(kind[:-1] == Kind.RETURN)

    assert (mode[taken] == Mode.KERNEL).all()
    assert (mode[returned + 1] == prepared.columns.info[returned]).all()


def test_a_run_cut_short_is_marked_so(tmp_path: Path) -> None:
    """A limit on instructions leaves a valid trace that says it is incomplete and why."""
    summary = record("radix", {"keys": 20_000}, output=tmp_path / "t.arrow", max_instructions=100_000)
    facts = describe(str(summary.path))

    assert summary.status is None
    assert 100_000 == summary.instructions
    assert (False, summary.reason) == (facts["complete"], facts["reason"])
    prepared = prepare(str(summary.path))
    assert (Kind.END, 1) == (prepared.columns.kind[-1], prepared.columns.info[-1])
    assert summary.reason == prepared.unfinished


def test_a_guest_out_of_memory_says_what_helps(tmp_path: Path) -> None:
    """Where the workload ended is told by program and symbol, with its command line, last words and the remedy."""
    summary = record("gups", {"words": 1 << 20}, output=tmp_path / "t.arrow", memory_bytes=4 << 20)

    assert summary.status == abi.Status.NO_MEMORY
    assert summary.state is not None
    assert "gups 1048576 100000" == summary.state.command
    assert ("gups: out of memory",) == summary.state.console
    assert "the guest ran out of memory; give it more with --memory" == summary.state.remedy
    assert summary.state.crossing is not None
    assert ("SYSCALL", "(gups:sys_exit+0x4)") == (summary.state.crossing.cause, summary.state.crossing.place)
    facts = describe(str(summary.path))
    assert not facts["complete"]
    assert f"its workload failed with status {int(abi.Status.NO_MEMORY)}; {summary.state.remedy}" == facts["reason"]
    assert facts["reason"] == prepare(str(summary.path)).unfinished


def test_what_cannot_be_recorded_is_refused_before_it_runs(tmp_path: Path) -> None:
    """Unknown CPUs, workloads and arguments, and sizes out of range, are one line and leave no file."""
    output = tmp_path / "t.arrow"
    for workload, arguments, cpu, message in (
        ("radix", {}, "mips46", "unknown CPU 'mips46'; did you mean 'mips64'"),
        ("radics", {}, "mips64", "unknown workload 'radics'; did you mean 'radix'"),
        ("radix", {"key": 5}, "mips64", "unknown argument of radix 'key'; did you mean 'keys'"),
        ("radix", {"keys": 0}, "mips64", "radix: keys should be"),
    ):
        with pytest.raises(UserError, match=message):
            record(workload, arguments, cpu=cpu, output=output)

    assert [] == list(tmp_path.iterdir())
