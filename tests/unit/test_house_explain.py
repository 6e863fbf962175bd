"""`replay explain MODEL --trace T --rows A:B`: rows in words, with what each ticked and what that cost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rich.console

import models
from replay.count import count
from replay.errors import UserError
from replay.explain import MOST_ROWS, Stretch, explain, locate, nothing, parse_range
from replay.handmade import Script, handmade_meta
from replay.machine import load_machine
from replay.prepare import Prepared, prepare
from replay.trace.container import TraceFile
from replay.trace.schema import (
    COLUMNS,
    ENTRY_SIZE_SHIFT,
    ENTRY_USER,
    ENTRY_VALID,
    ENTRY_WRITE,
    Cause,
    Kind,
    Mode,
    Sensitive,
    Touch,
)
from replay.words import words
from reports.explanation import explanation_screen


def script() -> Script:
    """A trace in which pages and sites are defined in between, and an exception opens a service."""
    made = Script()
    made.row(Kind.LOAD8, made.user(4), info=8, n=2)
    made.row(Kind.STORE4, made.user(9), n=1)
    made.exception(Cause.NOT_PRESENT, made.user(12), Touch.STORE)
    made.row(Kind.SERVICE_ENTER, 3, mode=Mode.KERNEL)
    made.sensitive(Sensitive.MFC0, n=3, register=13)
    made.row(Kind.ENTRY, made.user(12), 12, n=1, mode=Mode.KERNEL, payload=(0, 7 << 12 | ENTRY_VALID, 5))
    made.row(Kind.RETURN, mode=Mode.KERNEL)
    made.row(Kind.SERVICE_EXIT)
    made.row(Kind.STORE8, made.user(12), n=1)
    return made


def whole(prepared: Prepared) -> Stretch:
    """All rows, numbered as prepared."""
    return Stretch(*[np.arange(prepared.columns.kind.size)] * 2)


@pytest.fixture
def file(tmp_path: Path) -> Callable[[Script], str]:
    """Writes a script to a trace file, a row a batch."""

    def write(made: Script) -> str:
        trace = TraceFile(tmp_path / "t.arrow", made.meta)
        order = ("kind", "ctx", "info", "page", "n")
        for row in [*made.rows, (Kind.END, 0, 0, 0, 0)]:
            trace.write({name: np.array([row[order.index(name)]], COLUMNS[name]) for name in COLUMNS})
        trace.commit({"complete": True, "status": 0})
        return str(trace.path)

    return write


@pytest.mark.parametrize("name", sorted(models.BUILT_IN))
def test_what_rows_tick_adds_up_to_the_count(name: str) -> None:
    """Over all rows, each counter is told as often as counting the trace at once counts it."""
    prepared, model = script().prepared(), models.load(name)
    machine = load_machine(model.machine["mips64"])
    counts = count(prepared, model, machine)

    document = explain(prepared, model, machine, whole(prepared))

    expected = {counter: counts.total(counter) for counter in counts.counters if counts.total(counter)}
    assert expected == {total["counter"]: total["n"] for total in document["totals"]}
    assert document["rows"][-1]["event"] == "the recording ends"


def test_state_is_that_of_the_rows_before() -> None:
    """A page that was touched before the first row told is in the TLB, one that was not misses."""
    made = Script()
    for vpn in (4, 4, 600):
        made.row(Kind.LOAD8, made.user(vpn))
    prepared, model = made.prepared(), models.load("native")

    document = explain(prepared, model, load_machine("flash-1997"), Stretch(np.array([1, 2]), np.array([11, 12])))

    refills = [sum(tick["n"] for tick in row["ticks"] if tick["counter"] == "utlb_refill") for row in document["rows"]]
    assert [11, 12] == [row["row"] for row in document["rows"]]
    assert 0 == refills[0] < refills[1]


def test_costs_are_the_price_set_s() -> None:
    """A tick costs what one of its counter costs in its class of services, at the prices that the user states."""
    made = Script()
    made.row(Kind.LOAD8, made.kernel(4), n=10)
    prepared, model = made.prepared(), models.load("native")

    document = explain(prepared, model, load_machine("flash-1997"), whole(prepared), prices={"cpi": "3"})

    costs = {tick["counter"]: tick["cycles"] for tick in document["rows"][0]["ticks"]}
    assert {"instructions": 30.0, "references": 1.0} == costs
    assert 31.0 == document["rows"][0]["cycles"]


def test_rows_are_numbered_as_in_the_file(file: Callable[[Script], str]) -> None:
    """Each row told carries the number that the file's reader counts, definitions and payload counted too."""
    made = script()
    path = file(made)
    prepared, model = prepare(path, use_cache=False), models.load("native")
    kinds = {number: Kind(row[0]) for number, row in enumerate(made.rows)}
    told = [number for number, kind in kinds.items() if kind not in (Kind.EXTRA, Kind.PAGE, Kind.SITE)]

    document = explain(prepared, model, load_machine("flash-1997"), locate(path, prepared, 0, len(made.rows)))

    assert told == sorted(row["row"] for row in document["rows"])
    named = {row["row"]: row["event"] for row in document["rows"]}
    assert named[told[2]].startswith("exception NOT_PRESENT")
    assert named[told[3]] == "service begins: DEMAND_ZERO"


@pytest.mark.parametrize("span", [1, 2, 3, 7])
def test_any_stretch_tells_what_the_whole_tells(file: Callable[[Script], str], span: int) -> None:
    """Cut anywhere, even between payload and its row, the stretches tell each row once, with the same ticks."""
    made = script()
    path, rows = file(made), len(made.rows) + 1
    prepared, model, machine = prepare(path, use_cache=False), models.load("disco"), load_machine("flash-1997")
    whole_of_it = explain(prepared, model, machine, locate(path, prepared, 0, rows))["rows"]

    parts: list[Any] = []
    for first in range(0, rows, span):
        parts += explain(prepared, model, machine, locate(path, prepared, first, min(rows, first + span)))["rows"]

    def bare(told: list[Any]) -> list[Any]:
        return sorted((row["row"], [(tick["counter"], tick["n"]) for tick in row["ticks"]]) for row in told)

    assert bare(whole_of_it) == bare(parts)


def test_a_stretch_beyond_the_file_is_refused(file: Callable[[Script], str]) -> None:
    """Rows that the file does not have are an error that says how many it has."""
    path = file(script())
    prepared = prepare(path, use_cache=False)
    with pytest.raises(UserError, match=r"has \d+ rows; --rows 5:900 goes beyond them"):
        locate(path, prepared, 5, 900)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("12", "is not FIRST:LAST"),
        ("a:b", "is not FIRST:LAST"),
        ("-1:4", "is not FIRST:LAST"),
        ("9:9", "holds no rows"),
        ("9:3", "holds no rows"),
        (f"0:{MOST_ROWS + 1}", "at most 10,000 are told at once"),
    ],
)
def test_absurd_ranges_are_refused(text: str, message: str) -> None:
    """A range that is none, is empty or is too long is an error in one line."""
    with pytest.raises(UserError, match=message):
        parse_range(text)


def test_a_range_is_two_numbers() -> None:
    """FIRST:LAST are rows, the second left out."""
    assert (1000, 1040) == parse_range("1000:1040")


def test_rows_are_told_in_words() -> None:
    """Addresses, entries, instructions by symbol and class, causes: each row says what happened."""
    made = Script(handmade_meta(architecture="x86-64"))
    made.row(Kind.LOAD4, made.user(4), info=0x10 | 1 << 12)
    made.row(Kind.FETCH, made.kernel(1), info=0x40 | 2 << 12)
    large = 512 << 12 | ENTRY_VALID | ENTRY_WRITE | ENTRY_USER | 1 << ENTRY_SIZE_SHIFT
    made.row(Kind.ENTRY, made.user(512), 1 | 1 << 12, payload=(0, large, 5))
    made.exception(Cause.SYSCALL, 5)
    made.row(Kind.PORT, 0x1F0, 4 | 1 << 8)
    carried = {Kind.PACKET_SENT: (0x110, 1000 << 16 | 2 << 32), Kind.PACKET_RECEIVED: (0x110, 2 << 32)}
    for kind, bytes_of in ((Kind.PACKET_SENT, 1024), (Kind.PACKET_RECEIVED, 64)):
        made.row(kind, 3 << 26 | 7, bytes_of, payload=carried[kind])
    prepared = made.prepared()
    teller, kinds = words(prepared), prepared.columns.kind.tolist()
    payloads = {kinds.index(Kind.ENTRY): [0, large, 5]}
    payloads |= {kinds.index(kind): list(payload) for kind, payload in carried.items()}

    told = [teller.row(index, payloads.get(index, [])) for index, kind in enumerate(kinds) if kind != Kind.EXTRA]

    assert [
        "load 4 bytes at 0x4010 of space 1, atomic",
        "fetch 0xffffffff80001040, call",
        "page-table entry 1 of level 1 for 0x200000 of space 1: nothing becomes frame 0x200, 2 MB (writable, user)",
        "exception SYSCALL, number 5",
        "4 bytes to port 0x1f0",
        "packet 7 of station 3 is sent to station 2: 1,024 bytes, 1,000 of them payload at byte 0 of frame 0x110",
        "packet 7 of station 3 is received: 64 bytes, its header in frame 0x110",
        "the recording ends",
    ] == told


@pytest.mark.parametrize("info", [0, 1, 2, 7, 0x8003, 0xFFFF])
@pytest.mark.parametrize("page", [0, 1])
def test_every_kind_of_row_has_words(info: int, page: int) -> None:
    """Whatever the numbers of a row are, it is told in one line; kinds nobody knows say so."""
    prepared = script().prepared()
    for kind in {*range(256)} - {*range(9, 16), Kind.PAGE, Kind.SITE}:
        columns = prepared.columns._replace(
            kind=np.array([kind], np.uint8), info=np.array([info], np.uint16), page=np.array([page], np.uint32)
        )
        told = words(prepared._replace(columns=columns)).row(0, [])

        assert told
        assert "\n" not in told
        assert ("unknown" in told) == (kind not in Kind.__members__.values())


@pytest.mark.parametrize("width", [80, 200])
def test_the_screen_shows_label_rules_and_rows(width: int) -> None:
    """A foreign trace's rules stand above its rows; without rows there are label and settings alone."""
    made = Script(handmade_meta(architecture="x86-64"))
    made.row(Kind.LOAD8, made.user(4), n=1)
    prepared, model, machine = made.prepared(), models.load("disco"), load_machine("flash-1997")
    console = rich.console.Console(width=width)
    with console.capture() as captured:
        for stretch in (whole(prepared), nothing()):
            for part in explanation_screen(explain(prepared, model, machine, stretch), width):
                console.print(part)
    shown = " ".join(captured.get().split())

    assert 2 == shown.count(f"hypothetical, by these rules: {model.rules['x86-64'][0]}")
    assert 1 == shown.count("what happened")
    assert max(map(len, captured.get().splitlines())) <= width
