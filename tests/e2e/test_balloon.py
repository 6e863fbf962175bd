"""The balloon: the guest gives its host the pages that it asks for, uses none of them, and gets them back."""

from __future__ import annotations

from typing import Any

import pytest

from replay.errors import UserError
from replay.trace.schema import Kind
from tracegen import abi, build
from tracegen.boot import workload_boot
from tracegen.options import options

from .announced import Memory, Recorded, record_events

MEBI = 1 << 20
USES = {Kind.ZEROED, Kind.FILLED, Kind.FREED, Kind.TABLE_ALLOC}
"""Rows about one frame, which the guest then has."""


def boot(cpu: str, vcpus: int, balloon: str) -> Any:
    """A guest of 8 MB with a few clients of a file server, whose host asks for pages as ``balloon`` says."""
    words = options(balloon=balloon)
    sizes = {"clients": 3, "requests": 60}
    return workload_boot("dbench", sizes, cpu, vcpus=vcpus, options=words, memory_bytes=8 * MEBI)


@pytest.fixture(scope="module", params=[("mips64", 1), ("mips64", 8), ("x86-64", 1), ("x86-64", 8)], ids=str)
def recorded(request: pytest.FixtureRequest) -> Recorded:
    """The events of a run whose host wants 1200 pages for a while, and 100 from then on."""
    return record_events(boot(*request.param, "2:1200,12:100").machine())


def test_the_host_gets_what_it_asks_for(recorded: Recorded) -> None:
    """The balloon grows to 1200 pages and shrinks to 100, inside its own service, and no frame is in it twice."""
    held, most, service = set[int](), 0, dict[int, int]()
    for row in recorded.events:
        if row.kind in {Kind.SERVICE_ENTER, Kind.SERVICE_EXIT}:
            service[row.vcpu] = row.page
        elif row.kind in {Kind.BALLOON_OUT, Kind.BALLOON_IN}:
            assert abi.Service.BALLOON == service[row.vcpu]
            assert (row.kind == Kind.BALLOON_IN) == (row.page in held)
            held ^= {row.page}
            most = max(most, len(held))

    assert (1200, 100) == (most, len(held))


def test_what_the_host_has_is_not_used(recorded: Recorded) -> None:
    """A frame in the balloon is mapped by no entry, zeroed, filled or read into by nothing, and no table."""
    memory, held = Memory(), set[int]()
    for row in recorded.events:
        if row.kind == Kind.BALLOON_OUT:
            held.add(row.page)
            memory.use(row.page)
            assert row.page not in memory.mapped
        elif row.kind == Kind.BALLOON_IN:
            held.remove(row.page)
        else:
            memory.follow(row)
            assert row.kind not in USES or row.page not in held
            assert row.kind != Kind.REQUEST or row.extra[2] not in held
            assert row.kind != Kind.ENTRY or held.isdisjoint(memory.tables[row.extra[2]].entries.values())

    assert 100 == len(held)


@pytest.mark.parametrize("cpu", build.CPUS)
def test_the_answer_is_the_same(cpu: str) -> None:
    """A workload says with a balloon what it says without one."""
    with_balloon, without = (boot(cpu, 1, balloon).machine().run() for balloon in ("2:1200,12:100", ""))

    assert (0, without.console) == (with_balloon.status, with_balloon.console)
    assert with_balloon.instructions != without.instructions


@pytest.mark.parametrize(
    "text", ["x", "1:", "5:10,5:20", "5:10,4:20", "1:4294967296", ",".join(f"{n}:1" for n in range(33))]
)
def test_demands_that_make_no_sense_are_refused(text: str) -> None:
    """Ticks that do not rise, numbers that are none, and too many are refused, with an example."""
    with pytest.raises(UserError, match=r"^--balloon should be TICK:PAGES,"):
        options(balloon=text)
