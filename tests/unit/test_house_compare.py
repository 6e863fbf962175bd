"""`replay compare`: what is shared is counted once, what does not fit says why, and the screen fits its reader."""

from __future__ import annotations

import dataclasses
import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rich.console

import models
from replay import cli, shell
from replay import entrants as comparison
from replay.document import run
from replay.entrants import Entrant, at_once, unfit
from replay.errors import UserError
from replay.handmade import Script, handmade_meta
from replay.machine import Machine, load_machine
from replay.model import Model
from replay.prepare import Prepared
from replay.trace.container import TraceFile
from replay.trace.schema import COLUMNS, Kind
from reports.comparison import compare_screen


@pytest.fixture(scope="module")
def machine() -> Machine:
    """The machine of these comparisons."""
    return load_machine("flash-1997")


@pytest.fixture
def prepared() -> Prepared:
    """A trace with misses, a device access and instructions."""
    script = Script()
    for vpn in range(200):
        script.row(Kind.LOAD8, script.user(vpn), n=7)
    script.row(Kind.STORE4, script.device(), n=3)
    return script.prepared()


def renamed(name: str, **changes: Any) -> Model:
    """Disco under another name, with ``changes``."""
    return dataclasses.replace(models.load("disco"), name=name, **changes)


def entrants(machine: Machine, *found: Model) -> list[Entrant]:
    """``found`` on ``machine``, beside its bare machine, which comes first."""
    bare = models.load("native")
    return [Entrant(model, bare, machine) for model in (bare, *found)]


def test_each_model_and_machine_is_counted_once(
    monkeypatch: pytest.MonkeyPatch, prepared: Prepared, machine: Machine
) -> None:
    """However many models are compared with one bare machine, it is counted once, and each model once."""
    counted, count = [], comparison.count

    def counting(prepared: Prepared, model: Model, *rest: Any) -> Any:
        counted.append(model.name)
        return count(prepared, model, *rest)

    monkeypatch.setattr(comparison, "count", counting)
    comparison.compare(prepared, entrants(machine, models.load("disco"), renamed("other")), {}, {})

    assert ["disco", "native", "other"] == sorted(counted)


def test_documents_are_those_of_single_runs(prepared: Prepared, machine: Machine) -> None:
    """A comparison gives each model the document of its own run, with the parameters and prices that it takes."""
    native, disco = models.load("native"), models.load("disco")
    settings, prices = {"tlb.entries": "32", "hal": "0"}, {"monitor_entry": "90"}

    documents = comparison.compare(prepared, entrants(machine, disco), settings, prices)

    assert [
        run(prepared, native, native, machine, {"tlb.entries": "32"}, prices)[0],
        run(prepared, disco, native, machine, settings, prices)[0],
    ] == documents


@pytest.mark.parametrize(
    ("settings", "prices", "words"),
    [
        ({"tlb.entires": "8"}, {}, r"^unknown parameter 'tlb.entires'; did you mean 'tlb.entries'"),
        ({"tlb.entries": "0"}, {}, r"^parameter tlb.entries = 0 is out of range"),
        ({}, {"cpy": "1"}, r"^unknown price 'cpy'; did you mean 'cpi'"),
        ({}, {"cpi": "-1"}, r"^price cpi = -1 is out of range"),
    ],
)
def test_mistakes_are_told_before_anything_is_counted(
    monkeypatch: pytest.MonkeyPatch, prepared: Prepared, machine: Machine, settings: Any, prices: Any, words: str
) -> None:
    """A name that nobody takes and a value that is refused end a comparison at its start."""
    monkeypatch.setattr(comparison, "count", None)
    with pytest.raises(UserError, match=words):
        comparison.compare(prepared, entrants(machine, models.load("disco")), settings, prices)


def test_a_trace_that_does_not_fit_says_why(prepared: Prepared, machine: Machine) -> None:
    """A model that the trace or the price set does not suit is named with what is missing, not charged."""
    (_, disco) = entrants(machine, models.load("disco"))
    poor = dataclasses.replace(machine, prices={k: v for k, v in machine.prices.items() if k != "page_free"})
    silent = prepared._replace(meta=dataclasses.replace(prepared.meta, groups=("access", "translation", "crossing")))

    assert "" == unfit(disco, prepared.meta)
    assert "model disco needs the trace's privilege events" in unfit(disco, silent.meta)
    assert "'page_free', which the price set does not price" in unfit(disco._replace(machine=poor), prepared.meta)


@pytest.mark.parametrize(("memory", "cpus", "threads"), [(1 << 40, 8, 2), (1 << 40, 1, 1), (0, 8, 1), (80_000, 8, 1)])
def test_two_at_once_where_there_is_room(prepared: Prepared, memory: int, cpus: int, threads: int) -> None:
    """Two models are counted at a time if there are two processors and memory for the state of both."""
    assert threads == at_once([prepared], [models.load("disco")], memory, cpus)


def test_a_failure_stops_the_others(monkeypatch: pytest.MonkeyPatch, prepared: Prepared, machine: Machine) -> None:
    """When one count fails, those under way end at their next step and those that wait are not begun."""
    failed, begun = threading.Event(), []

    def counting(_prepared: Prepared, model: Model, _machine: Machine, _given: Any, progress: Any) -> None:
        begun.append(model.name)
        if model.name == "native":
            failed.set()
            raise MemoryError
        failed.wait(10)
        for _ in range(100):
            threading.Event().wait(0.05)
            progress(1, 2)
        begun.append("ended unharmed")

    monkeypatch.setattr(comparison, "count", counting)
    monkeypatch.setattr(comparison, "at_once", lambda *_: 2)
    with pytest.raises(MemoryError):
        comparison.compare(prepared, entrants(machine, renamed("a"), renamed("b"), renamed("c")), {}, {})

    assert "ended unharmed" not in begun
    assert len(begun) <= 3


def test_progress_is_of_all_models_together(prepared: Prepared, machine: Machine) -> None:
    """The rows done grow to those of all counts."""
    said: list[tuple[int, int]] = []
    comparison.compare(
        prepared, entrants(machine, models.load("disco")), {}, {}, lambda done, total: said.append((done, total))
    )

    rows = prepared.columns.kind.size
    assert [(rows, 2 * rows), (2 * rows, 2 * rows)] == said


def test_busy_time_is_compared_apart(machine: Machine) -> None:
    """Beside the overhead there is that of all but idle time, which waiting for a disk hides."""
    script = Script()
    script.row(Kind.LOAD8, script.user(4), n=100)
    script.row(Kind.IDLE, 10_000, 0)
    (_, document) = comparison.compare(script.prepared(), entrants(machine, models.load("disco")), {}, {})
    idle = {
        side: sum(row["cycles"] for row in document[side] if row["counter"] == "idle")
        for side in ("rows", "native_rows")
    }

    busy, total = document["busy"], document["total"]

    assert (total["cycles"] - idle["rows"], total["native"] - idle["native_rows"]) == (busy["cycles"], busy["native"])
    assert busy["overhead"] == busy["cycles"] / busy["native"] > total["overhead"] > 1
    assert busy["overhead_low"] <= busy["overhead"] <= busy["overhead_high"]


def printed(documents: list[dict[str, Any]], width: int, left_out: Any = ()) -> list[str]:
    """The screen's lines."""
    console = rich.console.Console(width=width, highlight=False, emoji=False, markup=False)
    with console.capture() as captured:
        for part in compare_screen(documents, left_out, width):
            console.print(part)
    return captured.get().splitlines()


@pytest.mark.parametrize("width", [80, 120, 200])
def test_the_screen_fits_its_width(prepared: Prepared, machine: Machine, width: int) -> None:
    """Names of models, labels, overheads and shares are whole at any width, one line a figure."""
    documents = comparison.compare(prepared, entrants(machine, models.load("disco"), renamed("trap-emulate")), {}, {})

    lines = printed(documents, width, [{"model": "x", "reason": "model x needs what the trace lacks"}])

    assert max(map(len, lines)) <= width
    labelled = [line.split()[0] for line in lines if " faithful " in line]
    assert ["flash-1997,", "disco", "trap-emulate"] == labelled
    assert 1 == sum("Left out: model x needs what the trace lacks." in line for line in lines)


def test_a_guest_that_would_go_wrong_reads_incorrect(prepared: Prepared, machine: Machine) -> None:
    """Where sensitive instructions did not trap, the overhead reads INCORRECT and a line gives their number."""
    documents = comparison.compare(prepared, entrants(machine, renamed("wrong", incorrect="programmed_io")), {}, {})

    lines = printed(documents, 80)

    assert {"counter": "programmed_io", "count": 1} == documents[1]["incorrect"]
    assert 1 == sum("wrong" in line and "INCORRECT" in line and "faithful" in line for line in lines)
    assert 1 == sum(line.startswith("INCORRECT: under wrong, 1 sensitive instructions of this guest") for line in lines)


def test_a_hypothetical_pair_says_its_rules(machine: Machine) -> None:
    """The document of a model on a foreign trace has the label and the rules."""
    script = Script(handmade_meta(architecture="x86-64"))
    script.row(Kind.LOAD8, script.user(4), n=7)

    (_, document) = comparison.compare(script.prepared(), entrants(machine, models.load("disco")), {}, {})

    assert ("hypothetical", list(models.load("disco").rules["x86-64"])) == (document["fidelity"], document["rules"])


@pytest.mark.parametrize("architecture", models.ARCHITECTURES)
def test_every_model_takes_a_trace_of_either_architecture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], architecture: str
) -> None:
    """`replay compare` charges all models, each called by its word for the architecture, and leaves none out."""
    script = Script(handmade_meta(architecture=architecture))
    for vpn in range(100):
        script.row(Kind.LOAD8, script.user(vpn), n=7)
    file = TraceFile(tmp_path / "t.arrow", script.meta)
    rows = np.array([*script.rows, (Kind.END, 0, 0, 0, 0)])
    order = ("kind", "ctx", "info", "page", "n")
    file.write({name: rows[:, order.index(name)].astype(kind) for name, kind in COLUMNS.items()})
    file.commit({"complete": True, "status": 0})

    assert 0 == shell.run(cli.app, "replay", ["compare", str(file.path), "--json", "--no-cache"])
    document = json.loads(capsys.readouterr().out)

    words = {models.word(name, architecture) for name in models.BUILT_IN}
    assert words == {charged["model"] for charged in document["models"]}
    assert [] == document["left_out"]
    assert {"mips64": "native", "x86-64": "native-refill"}[architecture] in words
