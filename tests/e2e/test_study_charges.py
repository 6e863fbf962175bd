"""What studies charge: documents of guests recorded on demand, each counted once, several at a time."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from replay import api
from replay import streamed as streaming
from replay.commands import study_charges, study_traces
from replay.commands.study_charges import Ask, charge_all, charge_guest
from replay.commands.study_traces import command, kept_in, trace_of, traces_of
from replay.count import count_each, opening_rows
from replay.errors import UserError
from replay.prepare import Prepared, prepare, retired_in
from replay.sched.window import window_of
from replay.streamed import stream
from replay.trace.schema import Kind
from replay.until import until_end_of

SMALL: dict[str, Any] = {"workload": "gups", "arguments": {"words": 512, "updates": 100}, "memory_bytes": 8 << 20}
SESSION: dict[str, Any] = {
    "workload": "ttcp",
    "arguments": {"buffers": 2},
    "session": 2,
    "memory_bytes": 16 << 20,
}
OTHER = {**SMALL, "arguments": {"words": 512, "updates": 200}}


def ask(recipe: dict[str, Any], model: str, **more: Any) -> Ask:
    """What one bar asks for."""
    return Ask(recipe, model, None, {}, **{"prices": {}, **more})


def test_a_document_is_that_of_a_run() -> None:
    """What a study is told of a guest is what ``replay run`` would say of its recording."""
    asked = ask(SMALL, "disco", prices={"cpi": 1.2}, beside=True)
    (found,) = charge_guest([asked]).values()

    assert api.run(trace_of(SMALL), "disco", price={"cpi": 1.2}).document["total"] == found["total"]


def test_what_differs_in_prices_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two prices and the bare machine of a monitor that is a bar itself: two counts for four documents."""
    counted = list[str]()

    def noted(prepared: Prepared, asked: Any, *rest: Any) -> Any:
        counted.extend(model.name for model, _, _ in asked)
        return count_each(prepared, asked, *rest)

    monkeypatch.setattr("replay.count.count_each", noted)
    asks = [ask(SMALL, "native"), ask(SMALL, "disco"), ask(SMALL, "disco", prices={"cpi": 1.2}, beside=True)]

    assert 3 == len(charge_guest([*asks, asks[0]]))
    assert ["disco", "native"] == sorted(counted)


def test_guests_in_processes_give_the_same_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two guests at a time come to what they come to one after the other."""
    asks = [ask(SMALL, "native"), ask(OTHER, "native")]
    together = charge_all(asks)
    monkeypatch.setattr(study_charges, "MOST_AT_ONCE", 1)

    assert charge_all(asks) == together
    assert {one.key for one in asks} == set(together)


def test_virtual_machines_are_recordings_with_other_seeds() -> None:
    """Two machines side by side: the document is about both, and about the CPUs of both."""
    (found,) = charge_guest([ask(SMALL, "disco", vms=2)]).values()

    assert (2, 2) == (len(found["vms"]), found["trace"]["vcpus"])
    assert found["total"]["cycles"] == sum(vm["total"]["cycles"] for vm in found["vms"])


def test_traces_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A guest is recorded once, and again only for another recipe."""
    monkeypatch.setattr("replay.commands.study_traces.kept_in", lambda: tmp_path)
    first, again, other = trace_of(SMALL), trace_of(SMALL), trace_of(OTHER)

    assert first == again
    assert {first, other} == set(tmp_path.iterdir())


def test_a_session_that_another_process_kept_first_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two processes that record the same session the first one's traces are kept, and the other's dropped."""

    def both(_recipe: dict[str, Any], aside: Path, _progress: Any) -> list[Any]:
        for folder in (aside, tmp_path / aside.name.partition(".")[0]):
            folder.mkdir()
            (folder / "vm0.arrow").write_text(folder.name)
        return []

    monkeypatch.setattr(study_traces, "kept_in", lambda: tmp_path)
    monkeypatch.setattr(study_traces, "_record", both)
    kept = trace_of(SESSION)

    assert [kept] == list(tmp_path.iterdir())
    assert kept.name == (kept / "vm0.arrow").read_text()


def test_a_session_is_one_guest_of_several_machines() -> None:
    """Machines that were recorded together are charged together, each with its own trace."""
    (found,) = charge_guest([ask(SESSION, "disco")]).values()

    assert ["vm0.arrow", "vm1.arrow"] == sorted(path.name for path in traces_of(SESSION))
    assert [["ttcp"], ["ttcp"]] == [[vm["trace"]["workload"]] for vm in found["vms"]]
    assert "tracegen run ttcp buffers=2 --memory 16777216 --vms 2" == command(SESSION)


def test_of_a_session_its_window_is_counted() -> None:
    """With a window, what is charged is what the machines run and wait while one has the region open, after a boot."""
    recipe = {**SESSION, "window": "measured"}
    (found,) = charge_guest([ask(recipe, "disco")]).values()
    machines = window_of([prepare(str(trace)) for trace in traces_of(SESSION)], "measured")

    assert traces_of(SESSION) == traces_of(recipe)
    assert ask(SESSION, "disco").guest != ask(recipe, "disco").guest
    for one, vm in zip(machines, found["vms"], strict=True):
        assert 0 < one.before < one.columns.kind.size
        assert one.moments.recorded == vm["idle"]["recorded"]
    assert not [row for row in found["rows"] if row["service"] == "BOOT"]
    retired = sum(int(one.columns.n[one.before :].sum(dtype=np.int64)) for one in machines)
    assert 0 < sum(row["count"] for row in found["rows"] if row["counter"] == "instructions") <= retired


def test_what_comes_behind_the_measured_region_is_left_out() -> None:
    """Cut at the end of a mark, a trace is the rows up to there, and its waits those before; it is known as another."""
    whole = prepare(str(trace_of(SMALL)))
    cut = until_end_of(whole, "measured")
    last = int(np.flatnonzero(whole.columns.kind == Kind.MARK_END)[-1])

    assert all(
        np.array_equal(all_rows[: last + 1], rows) for all_rows, rows in zip(whole.columns, cut.columns, strict=True)
    )
    assert Kind.MARK_END == cut.columns.kind[-1]
    assert [at for at in whole.moments.row if at <= last] == list(cut.moments.row)
    assert whole.digest != cut.digest
    whole_cycles, cycles = (
        charge_guest([ask({**SMALL, **more}, "native")]).popitem()[1]["total"]["cycles"]
        for more in ({}, {"until_end_of": "measured"})
    )
    assert cycles < whole_cycles


@pytest.mark.parametrize("cut", [until_end_of, lambda one, mark: stream(str(trace_of(SMALL)), mark)])
def test_a_region_that_never_ends_is_refused(cut: Any) -> None:
    """The error names the region, and where those are listed that there are; so where rows are there for a while."""
    with pytest.raises(UserError, match="no region nowhere ends in the trace; name one that `replay info` lists"):
        cut(prepare(str(trace_of(SMALL))), "nowhere")


BESIDE = {"workload": "radix", "arguments": {"threads": 4, "keys": 4096}, "vcpus": 4, "skip_to_mark": "measured"}


@pytest.mark.parametrize(("recipe", "until"), [(SMALL, ""), (SMALL, "measured"), (BESIDE, "measured")])
def test_rows_that_are_there_for_a_while_are_the_same(
    recipe: dict[str, Any], until: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trace that is decoded anew and forgotten has the rows, tables, places and waits of one that is held."""
    monkeypatch.setattr(streaming, "LAG", 1000)
    path = str(trace_of(recipe))
    held, fed = prepare(path), stream(path, until)
    held = until_end_of(held, until) if until else held
    assert fed is not None
    assert fed.feed is not None
    whole = fed._replace(columns=held.columns, feed=None, retired=0, before=0)
    for mine, other in zip(_arrays(held), _arrays(whole), strict=True):
        assert np.array_equal(mine, other)
    assert (held.digest, held.moments.reason) == (fed.digest, fed.moments.reason)
    assert (retired_in(held), opening_rows(held)) == (retired_in(fed), opening_rows(fed))
    for _ in range(2):
        done = 0
        for there in fed.feed():
            for mine, other in zip(held.columns, fed.columns, strict=True):
                assert np.array_equal(mine[done:there], other[done:there])
            done = there
        assert held.columns.kind.size == done


def _arrays(prepared: Prepared) -> list[np.ndarray]:
    parts = (prepared.pages, prepared.sites, prepared.places, prepared.moments[:-2])
    return [array for part in parts for array in part]


def test_where_rows_change_late_all_are_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is found out too late what a row is booked to, the study holds all rows, and says the same."""
    asks = [ask(SMALL, "native")]
    expected = charge_guest(asks)
    monkeypatch.setattr("replay.places.Booking.reach", streaming.LAG + 1)

    assert stream(str(trace_of(SMALL))) is None
    assert expected == charge_guest(asks)


KILLED = """
import sys
from replay import shell
from replay.commands.study_charges import Ask, charge_all

app = shell.application("Guests that take long.")

@app.command()
def charge() -> None:
    guest = {"workload": "gups", "arguments": {"words": 512, "updates": 10**8}}
    charge_all(Ask({**guest, "seed": seed}, "native", None, {}, {}) for seed in range(77, 83))

if __name__ == "__main__":
    sys.exit(shell.run(app, "replay"))
"""


def test_a_kill_ends_all_that_works_for_a_study(tmp_path: Path, root: Path) -> None:
    """SIGTERM to a study alone ends the processes that record for it; no half-written file is left."""
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    environment = os.environ | {"PYTHONPATH": str(root)}
    study = subprocess.Popen([sys.executable, script, "charge"], env=environment, stderr=subprocess.PIPE, text=True)
    limit = time.monotonic() + 120
    while len(found := _half_written()) < min(2, len(os.sched_getaffinity(0))) and time.monotonic() < limit:
        time.sleep(0.05)
    study.send_signal(signal.SIGTERM)
    _, told = study.communicate(timeout=60)

    assert found
    assert (143, "error: terminated; nothing was written\n") == (study.returncode, told)
    assert not [number for number in found if Path(f"/proc/{number}").exists()]
    assert not _half_written() & found


def test_where_one_of_its_processes_is_killed_a_study_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the system does where memory runs out: the study ends with one line."""
    monkeypatch.setattr(study_charges, "_work_beside_others", partial(os._exit, 1))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})

    with pytest.raises(UserError) as caught:
        charge_all([ask(SMALL, "native"), ask(OTHER, "native")])
    assert study_charges.KILLED == str(caught.value)


def _half_written() -> set[int]:
    """Processes that record gups for a study now, by the names of their files."""
    return {int(re.findall(r"\d+", path.name)[-1]) for path in kept_in().glob(".gups-*.part.partial-*")}


def test_a_guest_that_is_refused_ends_the_study() -> None:
    """What one of the processes refuses is told in its own line."""
    refused = {**SMALL, "arguments": {"words": 513}}

    with pytest.raises(UserError, match="gups: words should be a power of two"):
        charge_all([ask(refused, "native"), ask(OTHER, "native")])
