"""Several machines on one network: a trace each, linked by packets and images, the same each time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from replay.errors import UserError
from replay.trace.container import open_trace
from replay.trace.schema import REQUEST_WRITE, Kind
from tracegen.boot import workload_boot
from tracegen.cpu.machine import OFF
from tracegen.machine import CPUS
from tracegen.record import RecordSummary
from tracegen.record_session import record_session
from tracegen.session import Vm
from tracegen.switch import Link

SIZES = {"buffers": 6, "bytes": 4096, "mtu": 1500}
SENT, RECEIVED = Kind.PACKET_SENT, Kind.PACKET_RECEIVED
WORDS = [f"{name}={value}" for name, value in SIZES.items()]


def rows(path: Path) -> list[dict[str, np.ndarray]]:
    """The columns of a trace's batches."""
    batches = open_trace(path).batches()
    return [{name: batch.column(name).to_numpy() for name in ("kind", "info", "page")} for batch in batches]


def told(path: Path, *kinds: Kind) -> list[tuple[Kind, int, int, tuple[int, ...]]]:
    """(Kind, info, page, payloads) of the rows of some kinds; before their own payloads may be those of other rows."""
    found = []
    extras: list[int] = []
    for batch in rows(path):
        near = np.isin(batch["kind"], [*kinds, Kind.EXTRA])
        for kind, info, page in zip(*(batch[name][near].tolist() for name in ("kind", "info", "page")), strict=True):
            if kind == Kind.EXTRA:
                extras.append(info << 32 | page)
                continue
            found.append((Kind(kind), info, page, tuple(extras)))
            extras = []
    return found


def packets(path: Path, kind: Kind) -> dict[int, int]:
    """Id -> bytes of the packets that a machine sent or received."""
    return {page: info for _, info, page, _ in told(path, kind)}


def ttcp(cpu: str, **machine: Any) -> Vm:
    """A machine of a small bulk transfer."""
    return Vm(workload_boot("ttcp", SIZES, cpu, **machine))


@pytest.fixture(scope="module", params=CPUS)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[RecordSummary]:
    """Two machines, one of which sends to the other."""
    return record_session([ttcp(request.param)] * 2, Link(), output=tmp_path_factory.mktemp("session") / "pair")


def test_each_machine_does_its_part(pair: list[RecordSummary]) -> None:
    """One says that it sent what the other one says that it received, and both traces are whole."""
    assert [0, 0] == [summary.status for summary in pair]
    assert ["vm0.arrow", "vm1.arrow"] == sorted(path.name for path in pair[0].path.parent.iterdir())
    assert ["received", "sent"] == sorted(summary.console.split()[1] for summary in pair)
    assert 1 == len({summary.console.split("digest ")[1] for summary in pair})


def test_every_packet_is_sent_by_one_and_received_by_the_other(pair: list[RecordSummary]) -> None:
    """Under the id in which its sender's station is, with the same bytes; only what comes after the end is lost."""
    for sender, receiver, station in ((pair[0], pair[1], 1), (pair[1], pair[0], 2)):
        sent, received = packets(sender.path, SENT), packets(receiver.path, RECEIVED)
        ids = sorted(sent)

        assert [station << 26 | number + 1 for number in range(len(ids))] == ids
        assert received.items() <= sent.items()
        assert ids[: len(received)] == sorted(received)
        assert len(sent) - len(received) <= 4
        assert len(received) > 4


def test_metadata_say_which_machine_of_which_session(pair: list[RecordSummary]) -> None:
    """The same session and image, another number."""
    metas = [open_trace(summary.path).meta for summary in pair]
    networks = [meta.network for meta in metas]

    assert [0, 1] == [network.vm for network in networks if network]
    assert {(2, 10_000, 1_000_000_000, 0, 0)} == {tuple(vars(network).values())[2:] for network in networks if network}
    assert 1 == len({network.session for network in networks if network})
    assert metas[0].base_image == metas[1].base_image != 0


def test_requests_name_the_image_until_the_block_is_written(pair: list[RecordSummary]) -> None:
    """A block that the guest has written is its own from then on; all others are the image's."""
    for summary in pair:
        image = open_trace(summary.path).meta.base_image
        own: set[int] = set()
        asked = told(summary.path, Kind.REQUEST)
        for _, info, _, payloads in asked:
            block, _, _, named = payloads[-4:]
            if info & REQUEST_WRITE:
                own.add(block)
            assert (0 if block in own else image) == named
        assert asked


def test_a_session_is_the_same_in_another_process(pair: list[RecordSummary], tmp_path: Path) -> None:
    """The command line writes the same bytes, for one vCPU; so it does with three, twice."""
    cpu = open_trace(pair[0].path).meta.architecture
    command = ["ttcp", *WORDS, "--cpu", cpu, "--vms", "2"]
    for folder, more in (("one", []), ("three", ["--vcpus", "3"]), ("again", ["--vcpus", "3"])):
        code = "import sys; from replay.start import tracegen; sys.argv[0] = 'tracegen'; tracegen()"
        done = subprocess.run(
            [sys.executable, "-c", code, "run", *command, *more, "-o", str(tmp_path / folder)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert 0 == done.returncode, done.stderr
    written = {place: [(tmp_path / place / f"vm{n}.arrow").read_bytes() for n in (0, 1)] for place in ("one", "three")}

    assert [summary.path.read_bytes() for summary in pair] == written["one"]
    assert [(tmp_path / "again" / f"vm{n}.arrow").read_bytes() for n in (0, 1)] == written["three"]


def test_lost_packets_are_sent_again(tmp_path: Path) -> None:
    """Where every seventh is lost the transfer takes longer, and comes to the same end; the lost ones have one row."""
    whole = record_session([ttcp("mips64")] * 2, Link(), output=tmp_path / "whole")
    lossy = record_session([ttcp("mips64")] * 2, Link(drop_every=7), output=tmp_path / "lossy")
    lost = set(packets(lossy[1].path, SENT)) - set(packets(lossy[0].path, RECEIVED))

    assert [summary.console for summary in whole] == [summary.console for summary in lossy]
    assert {packet for packet in packets(lossy[1].path, SENT) if packet % (1 << 26) % 7 == 0} <= lost
    assert len(packets(lossy[1].path, SENT)) > len(packets(whole[1].path, SENT))


def test_machines_may_differ_and_the_background_is_switched_off(tmp_path: Path) -> None:
    """A sort beside one that would take much longer: that one is whole where it is when the first has ended."""
    short = Vm(workload_boot("radix", {"keys": 1000, "radix": 16}, memory_bytes=32 << 20))
    long = Vm(workload_boot("gups", {"words": 1 << 16, "updates": 5_000_000}, vcpus=2), background=True)
    first, second = record_session([short, long], Link(), output=tmp_path / "s")

    assert [(0, "exit"), (None, OFF)] == [(summary.status, summary.reason) for summary in (first, second)]
    assert [32 << 20, 1, 2] == [
        open_trace(first.path).meta.memory_bytes,
        *(open_trace(summary.path).meta.vcpus for summary in (first, second)),
    ]
    assert second.state is None


def test_a_machine_that_fails_ends_the_session(tmp_path: Path) -> None:
    """Both traces are kept up to there, incomplete; one says what failed, the other who did."""
    fails = Vm(workload_boot("gups", {"words": 1 << 20}, memory_bytes=4 << 20))
    first, second = record_session([ttcp("mips64"), fails], Link(), output=tmp_path / "s")

    assert 137 == second.status
    assert "vm1 of its session failed with status 137" == first.reason
    assert all(summary.state for summary in (first, second))


def test_a_limit_holds_for_each_machine(tmp_path: Path) -> None:
    """The first to come to it ends the session, and no trace is whole."""
    summaries = record_session([ttcp("mips64")] * 2, Link(), output=tmp_path / "s", max_instructions=100_000)

    assert "instructions ran without the guest's exit" in summaries[0].reason
    assert 99_999 <= max(summary.instructions for summary in summaries) <= 100_000
    assert [False] * 2 == [open_trace(summary.path).closing.summary["complete"] for summary in summaries]


def test_a_kill_keeps_all_traces(tmp_path: Path) -> None:
    """Each is whole up to there, marked incomplete, and one says why."""
    sent: list[int] = []

    def interrupt(instructions: int) -> None:
        if instructions > 300_000 and not sent:
            sent.append(instructions)
            os.kill(os.getpid(), signal.SIGTERM)

    summaries = record_session([ttcp("mips64")] * 2, Link(), output=tmp_path / "s", progress=interrupt)

    assert ["of its session stopped (terminated)", "terminated"] == sorted(
        summary.reason.removeprefix("vm0 ").removeprefix("vm1 ") for summary in summaries
    )
    assert [signal.SIGTERM] * 2 == [summary.signal for summary in summaries]
    assert [False] * 2 == [open_trace(summary.path).closing.summary["complete"] for summary in summaries]


@pytest.mark.parametrize(
    ("vms", "link", "message"),
    [
        (17, Link(), "a session of 17 machines: give it 1 to 16"),
        (0, Link(), "a session of 0 machines: give it 1 to 16"),
        (2, Link(latency=0), "a link without latency"),
    ],
)
def test_sessions_that_cannot_be_are_refused(tmp_path: Path, vms: int, link: Link, message: str) -> None:
    """Before anything is written."""
    with pytest.raises(UserError, match=message):
        record_session([ttcp("mips64")] * vms, link, output=tmp_path / "s")
    assert [] == list(tmp_path.iterdir())


def test_nobody_in_the_foreground_is_refused(tmp_path: Path) -> None:
    """Nothing would end such a session."""
    with pytest.raises(UserError, match="every machine of the session is in the background"):
        record_session([Vm(ttcp("mips64").boot, background=True)], Link(), output=tmp_path / "s")


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    """And left as it is."""
    (tmp_path / "mine").write_text("mine")

    with pytest.raises(UserError, match="the folder is not empty; name a new one with -o"):
        record_session([ttcp("mips64")], Link(), output=tmp_path)
    assert ["mine"] == [path.name for path in tmp_path.iterdir()]


def test_an_error_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a trace cannot be written, nothing of the others stays."""

    def full(*_: object) -> None:
        raise UserError("disk full")

    monkeypatch.setattr("tracegen.writer.TraceWriter.write", full)
    with pytest.raises(UserError, match="disk full"):
        record_session([ttcp("mips64")] * 2, Link(), output=tmp_path / "s")
    assert [] == list(tmp_path.iterdir())
