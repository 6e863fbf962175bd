"""The guest's sockets between machines and within one: ttcp and web on both CPUs, and with packets that get lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from replay.trace.schema import Kind
from tracegen import build, filesystem
from tracegen.boot import workload_boot
from tracegen.session import Session, Vm
from tracegen.switch import Link
from tracegen.writer import unpack

from .chance import Chance, digest

TTCP = {"buffers": 6, "bytes": 1 << 13}
WEB = {"workers": 2, "clients": 2, "requests": 6, "made": 50}
FILES = ("bits.h", "board.c", "edges.c", "hash.c", "Makefile", "alphabeta.c", "expected.txt", "cc")
ACKNOWLEDGES_ALL = 64
"""Bytes of a packet without payload: its header."""

Consoles = list[str]


def together(cpu: str, workload: str, machines: int, link: Link, **sizes: int) -> tuple[Consoles, list[list[int]]]:
    """What each of several machines prints, and the bytes of the packets that each sends; all end well."""
    boot = workload_boot(workload, sizes, cpu, disk_bytes=4 << 20)
    session, sent = Session([Vm(boot)] * machines, link), list[list[int]]()
    for member in session.members:
        packets = list[int]()
        sent.append(packets)
        member.start(sink_of(packets), 1_000_000_000, None, None)
    session.run()
    results = [member.ended() for member in session.members]
    assert [("exit", 0)] * machines == [(result.reason, result.status) for result in results], results
    return [result.console.decode() for result in results], sent


def sink_of(packets: list[int]) -> Callable[[Any, Any], None]:
    """Keeps the bytes of packets that are sent."""

    def keep(words: Any, counts: Any) -> None:
        rows = unpack(words, counts)
        packets.extend(rows["info"][rows["kind"] == Kind.PACKET_SENT].tolist())

    return keep


def ttcp_digest(buffers: int, size: int) -> int:
    """What the receiver makes of all words: a buffer has the same ones each time, but for its number in front."""
    chance = Chance(0)
    words = [chance.word() for _ in range(size // 8)]
    return digest(word for number in range(buffers) for word in [number, *words[1:]])


def made_page(number: int) -> bytes:
    """A page that the server makes."""
    chance, total = Chance(number), 0
    rows = list[str]()
    for _ in range(20 + number % 7 * 20):
        value = chance.below(100_000)
        total += value
        rows.append(f"<tr><td>{value}</td><td>{total}</td></tr>\n")
    return f"<html><h1>Page {number}</h1><table>\n{''.join(rows)}</table></html>\n".encode()


def asked(station: int, client: int, disk: dict[str, bytes]) -> Iterator[bytes]:
    """What one client gets."""
    chance = Chance(station << 8 | client)
    for _ in range(WEB["requests"]):
        if chance.below(100) < WEB["made"]:
            yield made_page(chance.below(64))
        else:
            yield disk[FILES[min(chance.below(len(FILES)), chance.below(len(FILES)))]]


def web_line(station: int, cpu: str) -> str:
    """What the clients of one machine print."""
    disk = filesystem.read(build.image(cpu).disk)
    answers = [b"".join(asked(station, client, disk)) for client in range(WEB["clients"])]
    expected = digest(digest(answer) for answer in answers)
    return f"web: 2 clients, {sum(map(len, answers))} bytes, digest {expected:#x}, 0 wrong\n"


def payloads(sent: Sequence[int]) -> list[int]:
    """Bytes of payloads, where there are some."""
    return [size - ACKNOWLEDGES_ALL for size in sent if size > ACKNOWLEDGES_ALL]


@pytest.mark.parametrize("cpu", build.CPUS)
@pytest.mark.parametrize("mtu", [1500, 500])
def test_ttcp_hands_every_byte_from_one_machine_to_the_next(cpu: str, mtu: int) -> None:
    """Both ends agree with the twin's digest, and no byte travels twice where no packet gets lost."""
    expected = ttcp_digest(TTCP["buffers"], TTCP["bytes"])
    size = TTCP["buffers"] * TTCP["bytes"]

    (receiver, sender), (_, sent) = together(cpu, "ttcp", 2, Link(), mtu=mtu, **TTCP)

    assert f"ttcp: received {size} bytes in packets of {mtu}, digest {expected:#x}, 0 wrong\n" == receiver
    assert f"ttcp: sent {size} bytes in packets of {mtu}, digest {expected:#x}, 0 wrong\n" == sender
    assert size == sum(payloads(sent))
    assert mtu == max(sent)


@pytest.mark.parametrize("every", [2, 7])
def test_what_gets_lost_is_sent_again(every: int) -> None:
    """Where each seventh or second packet of a machine is lost, all bytes arrive, and some travelled more than once."""
    expected = ttcp_digest(TTCP["buffers"], TTCP["bytes"])
    size = TTCP["buffers"] * TTCP["bytes"]

    (receiver, _), (_, sent) = together("mips64", "ttcp", 2, Link(drop_every=every), mtu=1500, **TTCP)

    assert f"ttcp: received {size} bytes in packets of 1500, digest {expected:#x}, 0 wrong\n" == receiver
    assert size < sum(payloads(sent)) < 5 * size


def test_payloads_of_whole_pages() -> None:
    """With packets of a page and a header, a stream of whole pages travels as whole pages."""
    size = TTCP["buffers"] * TTCP["bytes"]

    _, (_, sent) = together("x86-64", "ttcp", 2, Link(), mtu=4160, **TTCP)

    assert [4096] * (size // 4096) == payloads(sent)


@pytest.mark.parametrize("cpu", build.CPUS)
def test_ttcp_of_a_machine_that_is_alone(cpu: str, boot_on: Callable[..., Any]) -> None:
    """Two processes do what two machines do, and nothing goes through the card."""
    expected = ttcp_digest(3, 1 << 13)
    done = boot_on(cpu, "ttcp 3 8192 1500", disk_bytes=4 << 20)

    assert (0, 2) == (done.status, done.console.count(f"digest {expected:#x}, 0 wrong\n"))
    assert 0 == (done.rows["kind"] == Kind.PACKET_SENT).sum()


@pytest.mark.parametrize("cpu", build.CPUS)
def test_web_answers_clients_of_other_machines(cpu: str) -> None:
    """Each client gets the files and pages that the twin finds for it, whichever process of the server answers."""
    consoles, _ = together(cpu, "web", 3, Link(), **WEB)

    assert ["web: 4 clients served by 2 workers, 0 wrong\n", web_line(2, cpu), web_line(3, cpu)] == consoles


@pytest.mark.parametrize("vcpus", [1, 8])
def test_web_of_a_machine_that_is_alone(vcpus: int, boot_on: Callable[..., Any]) -> None:
    """The clients are processes of the server's machine; so many vCPUs as there may be change no answer."""
    line = " ".join(["web", *(str(WEB[name]) for name in ("workers", "clients", "requests", "made"))])
    done = boot_on("mips64", line, disk_bytes=4 << 20, vcpus=vcpus)

    printed = {web_line(1, "mips64"), "web: 2 clients served by 2 workers, 0 wrong\n"}
    assert (0, printed) == (done.status, set(done.console.splitlines(keepends=True)))


def nfs_line(rounds: int, cpu: str) -> str:
    """What a client of the file service prints: it gets a page when it reads it first, and puts each once."""
    disk = filesystem.read(build.image(cpu).disk)
    files = [disk[name] for name in FILES]
    pages = sum(-(-len(file) // 4096) for file in files)
    calls = (rounds + 2) * len(FILES) + 3 * pages + 1
    return f"nfs: {rounds} rounds, {calls} calls, digest {digest(b''.join(files) * (rounds + 1)):#x}, 0 wrong\n"


@pytest.mark.parametrize("cpu", build.CPUS)
def test_files_of_another_machine(cpu: str) -> None:
    """Two clients read files of the first machine, write them there and read them back, a page in each packet."""
    (server, *clients), (sent, *_) = together(cpu, "nfs", 3, Link(), rounds=1)

    assert ("nfs: 2 clients served\n", [nfs_line(1, cpu)] * 2) == (server, clients)
    assert 4096 == max(payloads(sent))


def test_calls_whose_packets_get_lost_are_made_again() -> None:
    """Where each ninth packet is lost, the answers are the same: a call may come twice."""
    (server, client), _ = together("mips64", "nfs", 2, Link(drop_every=9), rounds=1)

    assert ("nfs: 1 clients served\n", nfs_line(1, "mips64")) == (server, client)
