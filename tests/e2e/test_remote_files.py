"""Files of another machine: the guest's own tests of them, builds over them, lost packets, servers that go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from replay.trace.schema import PAYLOAD_BYTES_SHIFT, Kind
from tracegen import abi, build, filesystem
from tracegen.boot import Boot, workload_boot
from tracegen.session import Member, Session, Vm
from tracegen.switch import Link
from tracegen.writer import unpack

MEBI = 1 << 20
SIZE_MASK = (1 << 16) - 1
NAMES_BYTES = 2 * abi.FS_NAME_BYTES


def boot(cpu: str, line: str, **machine: Any) -> Boot:
    """A machine that runs a command line."""
    started = workload_boot("usertests", {}, cpu, **{"disk_bytes": 4 * MEBI, "memory_bytes": 16 * MEBI} | machine)
    return replace(started, words=tuple(line.split()))


def together(boots: Sequence[Boot], link: Link | None = None, rows: list[list[Any]] | None = None) -> list[Member]:
    """Run machines to their ends; ``rows`` gets the chunks of rows of each."""
    session = Session([Vm(each) for each in boots], link or Link())
    for number, member in enumerate(session.members):
        sink = None if rows is None else _keep(rows[number])
        member.start(sink, 1_000_000_000, None, None)
    session.run()
    return session.members


def _keep(chunks: list[Any]) -> Any:
    return lambda words, counts: chunks.append(unpack(words, counts))


def ends(members: Sequence[Member]) -> list[tuple[str, int | None]]:
    """How each machine ended."""
    return [(member.ended().reason, member.ended().status) for member in members]


def verdicts(member: Member) -> dict[str, str]:
    """Test -> what the guest says of it."""
    lines = member.ended().console.decode().splitlines()
    said = (line.rpartition(": ") for line in lines if line.endswith((": ok", ": all back")) or "FAILED" in line)
    return {name: verdict for name, _, verdict in said}


@pytest.mark.parametrize("vcpus", [1, 8])
@pytest.mark.parametrize("cpu", build.CPUS)
def test_the_guests_tests_of_remote_files_hold(cpu: str, vcpus: int) -> None:
    """Names, contents, maps, programs and shortage of memory are as with files of the disk; no page is missing then."""
    members = together([boot(cpu, "usertests remote", vcpus=vcpus)] * 2)
    said = verdicts(members[1])

    assert [("exit", 0)] * 2 == ends(members), members[1].ended().console.decode()
    assert {"ok", "all back"} == set(said.values())
    assert {"mounts", "removed_in_use", "maps_of_remote", "running_program", "reading_without_memory"} <= said.keys()


@pytest.mark.parametrize("link", [Link(drop_every=9), Link(drop_share=100_000, seed=3)])
def test_calls_and_answers_that_get_lost_change_nothing(link: Link) -> None:
    """Whatever is lost, the tests hold: what changes something is done once, though its call comes twice."""
    members = together([boot("x86-64", "usertests remote")] * 2, link)

    assert [("exit", 0)] * 2 == ends(members), members[1].ended().console.decode()
    assert {"ok", "all back"} == set(verdicts(members[1]).values())


@pytest.mark.parametrize(("cpu", "every"), [("mips64", 0), ("x86-64", 0), ("x86-64", 2)])
def test_who_opens_a_file_finds_what_another_machine_closed(cpu: str, every: int) -> None:
    """Two clients write to one file by turns, and each finds the other's bytes, though every second packet be lost."""
    members = together([boot(cpu, "usertests remote")] * 3, Link(drop_every=every))

    assert [("exit", 0)] * 3 == ends(members)
    assert ["turns: ok\n"] * 2 == [member.ended().console.decode() for member in members[1:]]


@pytest.mark.parametrize("cpu", build.CPUS)
def test_builds_over_remote_files(cpu: str) -> None:
    """What two machines build lies on the first one's disk, and is what a machine builds on its own, byte by byte."""
    sizes = {"parts": 1, "jobs": 2}
    alone = together([workload_boot("pmake-nfs", sizes, cpu)])
    members = together([workload_boot("pmake-nfs", sizes, cpu)] * 3)
    served = filesystem.read(members[0].machine.disk_image())
    expected = {name[2:]: data for name, data in filesystem.read(alone[0].machine.disk_image()).items() if "1/" in name}

    assert [("exit", 0)] * 3 == ends(members)
    assert "game.part" in expected
    for station in ("2/", "3/"):
        found = {name[2:]: data for name, data in served.items() if name.startswith(station)}
        assert expected == found
    assert not any("/" in name for name in filesystem.read(members[1].machine.disk_image()))


def test_a_whole_build_plays_as_it_should() -> None:
    """The program that a machine built over remote files plays what it should, where packets get lost, too."""
    members = together([workload_boot("pmake-nfs", {}, "x86-64")] * 2, Link(drop_share=20_000))
    served = filesystem.read(members[0].machine.disk_image())

    assert [("exit", 0)] * 2 == ends(members)
    assert served["expected.txt"] == served["2/played.txt"]


def payloads(rows: Sequence[dict[str, np.ndarray]], of: Kind) -> list[tuple[int, int, int]]:
    """(Frame, place in it, bytes) of the payloads of a machine's packets."""
    found, extras = [], list[int]()
    for chunk in rows:
        near = np.isin(chunk["kind"], [of, Kind.EXTRA])
        for kind, info, page in zip(*(chunk[name][near].tolist() for name in ("kind", "info", "page")), strict=True):
            if kind == Kind.EXTRA:
                extras.append(info << 32 | page)
                continue
            frame, rest = extras[-2:]
            found.append((frame, rest & SIZE_MASK, rest >> PAYLOAD_BYTES_SHIFT & SIZE_MASK))
    return [each for each in found if each[2]]


@pytest.fixture(scope="module", params=build.CPUS)
def traffic(request: pytest.FixtureRequest) -> list[list[Any]]:
    """Rows of a server and of a client that builds a part."""
    rows: list[list[Any]] = [[], []]
    together([workload_boot("pmake-nfs", {"parts": 1}, request.param)] * 2, rows=rows)
    return rows


def test_pages_of_files_are_whole_pages_of_both_machines(traffic: list[list[Any]]) -> None:
    """Each payload is two names, or a page at its frame's beginning, and the frames in which pages came stay in use."""
    for rows in traffic:
        for kind in (Kind.PACKET_SENT, Kind.PACKET_RECEIVED):
            assert {(0, abi.PAGE_BYTES), (0, NAMES_BYTES)} >= {each[1:] for each in payloads(rows, kind)}
    server, client = traffic
    pages = [[e for e in payloads(rows, Kind.PACKET_RECEIVED) if e[2] == abi.PAGE_BYTES] for rows in (server, client)]
    assert all(len({frame for frame, _, _ in each}) > len(each) // 2 > 0 for each in pages)


def services(rows: Sequence[dict[str, np.ndarray]]) -> set[int]:
    """Services that are entered."""
    return {int(page) for chunk in rows for page in np.unique(chunk["page"][chunk["kind"] == Kind.SERVICE_ENTER])}


def test_calls_are_services_of_their_own(traffic: list[list[Any]]) -> None:
    """The client's trace has NFS_CLIENT, the server's NFS_SERVER, and neither has the other's."""
    both = {abi.Service.NFS_CLIENT.value, abi.Service.NFS_SERVER.value}

    assert [{abi.Service.NFS_SERVER}, {abi.Service.NFS_CLIENT}] == [both & services(rows) for rows in traffic]


def test_a_machine_that_serves_nothing() -> None:
    """Who mounts what nobody serves is refused, and says so; the same without another machine."""
    members = together([boot("mips64", "hello"), boot("mips64", "remote pmake 2 1 1")])
    alone = together([boot("mips64", "usertests remote")])

    assert [("exit", 0), ("exit", 1)] == ends(members)
    assert "the first machine does not serve its files" in members[1].ended().console.decode()
    assert (("exit", abi.Status.USAGE),) == tuple(ends(alone))


def test_a_server_that_goes_ends_its_clients() -> None:
    """A client whose server is gone does not wait for ever: it ends, and says why."""
    members = together([boot("x86-64", "usertests deserting"), boot("x86-64", "usertests remote")])

    assert ("exit", abi.Status.PANIC) == ends(members)[1]
    assert "panic: a file server does not answer" in members[1].ended().console.decode()
