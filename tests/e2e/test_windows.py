"""A trace that begins in the middle: the whole trace's rows, fit to be charged, and the same from a snapshot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import models
from models.native import recorded_refills
from replay.count import count
from replay.errors import UserError
from replay.machine import load_machine
from replay.places import named
from replay.prepare import Prepared, prepare
from replay.trace.schema import PAGE_ID_KINDS, TOUCH_SHIFT, Kind
from tracegen.boot import Boot, workload_boot
from tracegen.machine import CPUS
from tracegen.record import RecordSummary, record_boot, record_machine
from tracegen.snapshot import MAGIC, load, save
from tracegen.window import Skip, fast_forward

SKIPPED, WINDOW = 1_000_000, 150_000
HAVE_PAGES = np.array([kind < Kind.EXTRA or kind in PAGE_ID_KINDS for kind in range(256)])


def boot_of(cpu: str, vcpus: int = 1) -> Boot:
    """A machine that is to update a table of twice the TLB's reach."""
    sizes = {"memory_bytes": 16 << 20, "disk_bytes": 16 << 20, "vcpus": vcpus}
    return workload_boot("gups", {"words": 1 << 17, "updates": 20_000}, cpu, **sizes)


@pytest.fixture(scope="module", params=[*((cpu, 1) for cpu in CPUS), ("mips64", 2)], ids=lambda p: f"{p[0]}-{p[1]}")
def boot(request: pytest.FixtureRequest) -> Boot:
    """Each CPU, and two of one."""
    return boot_of(*request.param)


@pytest.fixture(scope="module")
def window(boot: Boot, tmp_path_factory: pytest.TempPathFactory) -> RecordSummary:
    """A recording of WINDOW instructions behind the first SKIPPED."""
    place = tmp_path_factory.mktemp("window") / "w.arrow"
    return record_boot(boot, output=place, max_instructions=WINDOW, skip=Skip(SKIPPED))


def events(path: Path) -> tuple[Prepared, list[tuple[Any, ...]]]:
    """A trace, and its rows from START on, or all, with what numbers stand for in place of the numbers."""
    prepared = prepare(str(path), use_cache=False)
    columns, pages, sites = prepared.columns, prepared.pages, prepared.sites
    kind = columns.kind
    start = int(np.argmax(kind == Kind.START)) + 1 if prepared.meta.skipped else 0
    paged = HAVE_PAGES[kind] | ((kind == Kind.EXCEPTION) & (columns.info >> TOUCH_SHIFT & 3 != 0))
    places = named(prepared.places, prepared.meta)
    rows = []
    for row in range(start, kind.size):
        what: Any = int(columns.page[row])
        if paged[row]:
            what = int(pages.space[what]), int(pages.vpn[what])
        elif kind[row] == Kind.SENSITIVE:
            what = int(sites.pc[what]), int(sites.klass[what])
        elif kind[row] in (Kind.SERVICE_ENTER, Kind.SERVICE_EXIT):
            what = places[what]
        rows.append((Kind(kind[row]).name, int(columns.ctx[row]), int(columns.info[row]), what, int(columns.n[row])))
    return prepared, rows


def test_rows_are_those_of_the_whole_trace(boot: Boot, window: RecordSummary, tmp_path: Path) -> None:
    """From START on a window holds what a recording from power-on does there, place by place, but for its two ends."""
    prepared, ours = events(window.path)
    whole = record_boot(boot, output=tmp_path / "t.arrow", max_instructions=prepared.meta.skipped + WINDOW)
    _, theirs = events(whole.path)
    ours = ours[10:-1000]
    near = int(np.searchsorted(np.cumsum([row[-1] for row in theirs]), prepared.meta.skipped))
    alike = (at for at in range(len(theirs)) if theirs[at : at + 100] == ours[:100])
    first = min(alike, key=lambda at: abs(at - near))  # a CPU that waits does the same again and again
    expected = theirs[first : first + len(ours)]

    assert WINDOW == window.instructions
    assert 20_000 < len(ours)
    assert expected == ours


def test_the_rows_before_start_are_no_events(boot: Boot, window: RecordSummary) -> None:
    """Every model can be charged with a window, and counts the instructions and exceptions behind START alone."""
    prepared, rows = events(window.path)
    for name in models.BUILT_IN:
        model = models.load(name)
        if boot.vcpus > 1 and name not in ("native", "native-walk"):
            continue
        made = count(prepared, model, load_machine(model.machine[boot.cpu]))
        assert made.total("instructions") <= WINDOW
        if "system_call" in model.counters and name in ("native", "native-walk"):
            calls = sum(row[0] == "EXCEPTION" and row[2] & 31 == 11 for row in rows)
            assert calls == made.total("system_call")


def test_native_repeats_the_recorded_refills(window: RecordSummary) -> None:
    """With the recorder's TLB, what it held when the window began and its generator, native takes the same refills."""
    prepared, _ = events(window.path)
    if prepared.meta.tlb is None or prepared.meta.vcpus > 1:
        assert prepared.meta.tlb is None or prepared.meta.vcpus == 2
        return
    made = count(prepared, models.load("native"), load_machine("flash-1997"))
    expected = recorded_refills(prepared)

    assert expected == {counter: made.total(counter) for counter in expected}
    assert 50 < expected["utlb_refill"]


def test_a_snapshot_gives_the_same_trace(boot: Boot, window: RecordSummary, tmp_path: Path) -> None:
    """A machine that goes on from a file, twice, records the same bytes as one that never stopped."""
    machine = boot.machine()
    save(tmp_path / "s.snap", boot, machine, fast_forward(boot, machine, Skip(SKIPPED)))

    for _ in range(2):
        restored, again, mark = load(tmp_path / "s.snap")
        other = record_machine(restored, again, mark, output=tmp_path / "t.arrow", max_instructions=WINDOW)
        assert boot == restored
        assert window.digest == other.digest
        assert window.path.read_bytes() == other.path.read_bytes()


def test_a_window_begins_with_its_mark(tmp_path: Path) -> None:
    """A window that begins at a mark says that the mark has begun, and ends it."""
    summary = record_boot(boot_of("mips64"), output=tmp_path / "t.arrow", skip=Skip(mark="measured"))
    prepared = prepare(str(tmp_path / "t.arrow"), use_cache=False)
    kind = prepared.columns.kind
    marks = [Kind(k).name for k in kind[np.isin(kind, (Kind.MARK_BEGIN, Kind.MARK_END, Kind.START))]]

    assert ["MARK_BEGIN", "START", "MARK_END"] == marks
    assert 0 == summary.status


@pytest.mark.parametrize(
    ("skip", "message"),
    [
        (Skip(mark="masured"), "unknown mark of gups 'masured'; did you mean 'measured'?"),
        (Skip(mark="7"), "before mark 7 began; skip less"),
        (Skip(1 << 40), "the guest ended with status 0 after"),
    ],
)
def test_a_window_that_never_begins_is_refused(tmp_path: Path, skip: Skip, message: str) -> None:
    """A mark that is not there, or a guest that ends before, is one line, and nothing is written."""
    with pytest.raises(UserError) as error:
        record_boot(boot_of("mips64"), output=tmp_path / "t.arrow", skip=skip)

    assert message in str(error.value)
    assert [] == list(tmp_path.iterdir())


def test_files_that_are_no_snapshots_are_refused(tmp_path: Path) -> None:
    """A missing, foreign, truncated, altered or newer file is one line with what to do."""
    boot, place = boot_of("mips64"), tmp_path / "s.snap"
    machine = boot.machine()
    machine.run(max_instructions=1000)
    save(place, boot, machine)
    whole = place.read_bytes()
    wrong = {
        "is no snapshot of a machine": b"ARROW1" + whole,
        "truncated or damaged": whole[:-1],
        "is a snapshot truncated": whole[: len(MAGIC) + 3],
        "snapshot truncated or damaged": whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:],
    }
    for message, data in wrong.items():
        place.write_bytes(data)
        with pytest.raises(UserError, match=rf"s\.snap: .*{message}.*; make it again with `tracegen snapshot`$"):
            load(place)
    with pytest.raises(UserError, match="no such file"):
        load(tmp_path / "none.snap")
