"""A guest that runs on several vCPUs and is recorded: its answer, its rows, the same bytes each time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import models
from models.native import recorded_refills
from replay.count import count
from replay.machine import load_machine
from replay.prepare import prepare
from replay.trace.schema import Kind, Mode
from tracegen.machine import CPUS
from tracegen.record import RecordSummary, record

VCPUS, QUANTUM, KEYS = 4, 700, 4096


@pytest.fixture(scope="module", params=CPUS)
def recorded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> RecordSummary:
    """A radix sort by a thread for each vCPU."""
    output = tmp_path_factory.mktemp("vcpus") / f"{request.param}.arrow"
    arguments = {"keys": KEYS, "threads": VCPUS}
    return record("radix", arguments, cpu=request.param, output=output, vcpus=VCPUS, quantum=QUANTUM)


def test_the_guest_sorts_on_all_vcpus(recorded: RecordSummary) -> None:
    """The answer is right, every vCPU ran user code, and the rows have every instruction that retired."""
    prepared = prepare(str(recorded.path))
    ctx, n = prepared.columns.ctx, prepared.columns.n
    user = [int(n[ctx == vcpu | Mode.USER << 4].sum()) for vcpu in range(VCPUS)]

    assert 0 == recorded.status
    assert recorded.console.endswith(", sorted\n")
    assert min(user) > 1000
    assert recorded.instructions == int(n.sum(dtype=np.int64))
    assert (VCPUS, QUANTUM) == (prepared.meta.vcpus, prepared.meta.interleave_quantum)


def test_what_a_vcpu_receives_was_sent_to_it(recorded: RecordSummary) -> None:
    """Each interrupt received names one that its sender had sent to this vCPU before; every vCPU received its start."""
    columns = prepare(str(recorded.path)).columns
    sent: dict[int, tuple[int, int]] = {}
    received: list[int] = []
    for at in np.flatnonzero(np.isin(columns.kind, (Kind.IPI_SEND, Kind.IPI_RECEIVE))).tolist():
        vcpu, other, number = int(columns.ctx[at] & 15), int(columns.info[at]), int(columns.page[at])
        if columns.kind[at] == Kind.IPI_SEND:
            sent[number] = vcpu, other
        else:
            assert (other, vcpu) == sent.pop(number)
            received.append(vcpu)
    assert set(range(1, VCPUS)) <= set(received)


def test_native_with_the_recorder_s_tlbs_repeats_its_refills(recorded: RecordSummary) -> None:
    """Each vCPU of the bare machine takes the refills that the recording's had; where hardware walks there are none."""
    prepared = prepare(str(recorded.path))
    if prepared.meta.tlb is None:
        assert {0} == set(recorded_refills(prepared).values())
        return
    counts, truth = count(prepared, models.load("native"), load_machine("flash-1997")), recorded_refills(prepared)
    assert truth["utlb_refill"] > 0
    assert truth == {name: counts.total(name) for name in truth}


def test_another_process_records_the_same_bytes(recorded: RecordSummary, tmp_path: Path) -> None:
    """The interleaving depends on nothing but the arguments."""
    again = tmp_path / "again.arrow"
    words = ["run", "radix", "--keys", KEYS, "--threads", VCPUS, "--vcpus", VCPUS, "--quantum", QUANTUM, "-o", again]
    words += ["--cpu", prepare(str(recorded.path)).meta.architecture]
    code = "import sys; from replay.start import tracegen; sys.exit(tracegen())"
    subprocess.run([sys.executable, "-c", code, *map(str, words)], check=True, capture_output=True)
    assert recorded.path.read_bytes() == again.read_bytes()
