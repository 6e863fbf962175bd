"""``replay report``: what it makes of a run's folder besides the page, and what it says of folders that are none."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

import models
from replay import cli, shell
from replay import document as results
from replay.commands.report import Format, report
from replay.commands.report_input import read
from replay.document import Outcome
from replay.errors import UserError
from replay.handmade import Script
from replay.machine import load_machine
from replay.trace.schema import Cause, Kind, Sensitive
from reports import bars, static
from reports.catalogue import catalogue
from reports.page import page
from reports.palette import THEMED, themed
from reports.result import Sweep, labels
from reports.static import FORMATS


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    """Some work and traps under Disco, in intervals of 1,000 instructions."""
    script = Script()
    for at in range(60):
        script.row(Kind.LOAD8, script.user(4 + at % 9), n=90)
        script.exception(Cause.SYSCALL)
        script.sensitive(Sensitive.MTC0)
    machine = load_machine("flash-1997")
    return results.outcome(script.prepared(), models.load("disco"), models.load("native"), machine, interval=1000)


@pytest.fixture
def folder(outcome: Outcome, tmp_path: Path) -> Path:
    """The run's folder."""
    results.save(str(tmp_path / "out"), outcome)
    return tmp_path / "out"


def made(folder: Path, form: Format) -> bytes:
    """What ``replay report --format`` writes."""
    target = folder.parent / f"report.{form.value}"
    report([folder], target, form)
    return target.read_bytes()


def test_json_holds_the_documents(folder: Path, outcome: Outcome) -> None:
    """As JSON a report is each run's document, with its name."""
    found = json.loads(made(folder, Format.JSON))

    assert [{"name": "disco", **outcome.document}] == found["runs"]


def test_csv_holds_every_priced_row(folder: Path, outcome: Outcome) -> None:
    """As CSV a report has a line for each row of both sides, and their cycles add up to the totals."""
    rows = list(csv.DictReader(io.StringIO(made(folder, Format.CSV).decode())))

    for side, total in (("model", "cycles"), ("native", "native")):
        assert outcome.document["total"][total] == sum(int(row["cycles"]) for row in rows if row["side"] == side)


def test_text_names_what_is_assumed(folder: Path, outcome: Outcome) -> None:
    """As text a report has a line for each mechanism and each assumed value, and the command that repeats it."""
    text = made(folder, Format.MD).decode()

    names = {row["mechanism"] for row in outcome.document["rows"] if row["cycles"]}
    names |= {record["name"] for record in outcome.document["assumptions"]}
    assert [] == [name for name in sorted(names) if f"\n| {name} | " not in text]
    assert "`replay run by hand.arrow --model disco --machine flash-1997 --set " in text


def test_pictures_are_pictures(folder: Path) -> None:
    """The chart comes as SVG, with its mechanisms in the legend, and as PNG."""
    assert "other privileged" in made(folder, Format.SVG).decode()
    assert b"\x89PNG\r\n\x1a\n" == made(folder, Format.PNG)[:8]


@pytest.mark.parametrize(("axes", "joined"), [(("model", "price.x"), False), (("price.x", "model"), True)])
def test_the_picture_of_a_sweep_shows_its_monitors(axes: tuple[str, str], joined: bool) -> None:
    """Curves are of monitors, in the grid's order or that of numbers; a line joins numbers and no names."""
    points = [
        {"model": model, "price.x": x, "baseline": "native", "overhead": 1.0 + x}
        for model in ("native", "xen", "agile")
        for x in (0.6000000000000001, 0.2)
    ]
    found = static.picture([], Sweep(points, axes, {}, {}))

    names = ["xen", "xen", "agile", "agile"]
    rows = found["datasets"]["curves"]
    assert ([0.2, 0.2, 0.6000000000000001, 0.6000000000000001] if joined else names) == [row["x"] for row in rows]
    assert ({"xen", "agile"} if joined else {"0.2", "0.6"}) == {row["series"] for row in rows}
    widths = {part["mark"]["strokeWidth"] for part in found["layer"] if part["mark"]["type"] == "line"}
    assert {2 if joined else 0} == widths


def test_colours_of_the_page_follow_its_theme() -> None:
    """The style sheet has each colour that a dark page shows otherwise, once for white and twice for black."""
    sheet = resources.files("reports").joinpath("web", "page.css").read_text("utf-8")

    for colour, name in THEMED.items():
        stated = re.findall(rf"{name}: (#\w+);", sheet)
        assert (3, colour) == (len(stated), stated[0])
        assert stated[1] == stated[2] != colour
        assert f'["var({name})"]' == themed(f'["{colour}"]')


def test_a_timeline_is_chrome_s_format(folder: Path, outcome: Outcome) -> None:
    """Slices follow each other without a gap and last as long as their cycles; every counter has a track."""
    events = json.loads(made(folder, Format.PERFETTO))["traceEvents"]
    slices = [event for event in events if event["ph"] == "X"]
    clock = outcome.document["bill"]["clock_hz"]
    busy = sum(row["cycles"] for row in outcome.document["rows"])

    assert {"M", "C", "X"} == {event["ph"] for event in events}
    assert pytest.approx(busy, abs=len(slices)) == sum(event["args"]["cycles"] for event in slices)
    assert pytest.approx(busy / clock * 1e6, abs=0.01) == slices[-1]["ts"] + slices[-1]["dur"]
    ends = [event["ts"] + event["dur"] for event in slices[:-1]]
    assert pytest.approx(ends, abs=0.002) == [event["ts"] for event in slices[1:]]
    ticks = sum(event["args"]["n"] for event in events if event["ph"] == "C" and event["name"] == "system_call")
    assert 60 == ticks


def test_runs_are_named_by_what_tells_them_apart(outcome: Outcome, folder: Path) -> None:
    """Names are as short as can be: the model, and what differs, a number where nothing does."""
    (first,) = read([folder]).results
    other = {**outcome.document, "settings": {**outcome.document["settings"], "tlb.entries": 8}}
    results.save(str(folder.parent / "other"), outcome._replace(document=other))
    (second,) = read([folder.parent / "other"]).results

    assert ["disco"] == labels([first])
    assert ["disco, tlb.entries = 64", "disco, tlb.entries = 8"] == labels([first, second])
    assert ["disco, 1", "disco, 2"] == labels([first, first])


def test_a_study_is_a_section(folder: Path, outcome: Outcome) -> None:
    """Every published value of a study's folder stands in the text beside ours, and in the page, which draws it."""
    figure = bars.read(catalogue()["disco-fig5"])
    values = bars.figure_table(figure, [outcome.document] * len(figure.bars))
    studies = folder.parent / "studies"
    studies.mkdir()
    (studies / "disco-fig5.json").write_text(json.dumps(values))
    text = made(studies, Format.MD).decode()
    shown = page(read([studies]), "").replace("\n", "")

    published = sum(len(bar.published) + 1 for bar in figure.bars)
    assert published == sum(text.count(f"\n| {bar.group}, {bar.title} |") for bar in figure.bars)
    assert published == sum(shown.count(f">{bar.group}, {bar.title}</th>") for bar in figure.bars)
    assert "data-chart='study-0'" in shown
    with pytest.raises(UserError, match="holds studies, which --format csv does not show"):
        made(studies, Format.CSV)


def test_every_format_has_a_maker() -> None:
    """What the option takes and what reports can make are the same; the page is made apart."""
    assert sorted(form.value for form in Format) == sorted(["html", *FORMATS])


def broken(folder: Path, how: str) -> Path:
    """The folder with a fault in it."""
    manifest = folder / results.MANIFEST
    if how == "missing":
        shutil.rmtree(folder)
    elif how == "empty":
        for file in folder.iterdir():
            file.unlink()
    elif how == "a table gone":
        (folder / results.STRETCHES).unlink()
    elif how == "a table cut":
        (folder / results.COUNTS).write_bytes(b"PAR1")
    elif how == "another version":
        document: dict[str, Any] = json.loads(manifest.read_text())
        manifest.write_text(json.dumps(document | {"version": 1}))
    elif how == "no manifest inside":
        manifest.write_text("[]")
    else:
        manifest.write_text(manifest.read_text()[:100])
    return folder


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("missing", "no such folder; give one that `replay run -o` or `replay sweep -o` wrote"),
        ("empty", "give a folder that `replay run -o` wrote"),
        ("a table gone", "missing or damaged; run `replay run -o` again, into a new folder"),
        ("a table cut", "missing or damaged; run `replay run -o` again, into a new folder"),
        ("another version", "results of another version; run `replay run` again"),
        ("no manifest inside", "damaged results; run `replay run -o` again, into a new folder"),
        ("half a manifest", "give a folder that `replay run -o` wrote"),
    ],
)
def test_folders_that_are_no_results(folder: Path, how: str, message: str) -> None:
    """A folder that is missing, empty, of another version or half deleted is one line, and no file is written."""
    output = folder.parent / "report.html"
    with pytest.raises(UserError) as caught:
        report([broken(folder, how)], output)

    assert str(folder) in str(caught.value)
    assert str(caught.value).endswith(message)
    assert "\n" not in str(caught.value)
    assert not output.exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "report.pdf",
            "no format is called 'pdf'; end the name in .html, .md, .json, .csv, .svg, .png, or give --format",
        ),
        ("report", "no format is called ''; end the name in .html, .md, .json, .csv, .svg, .png, or give --format"),
        ("out/../nowhere/report.html", "create it, or name another"),
        ("folder.html", "is a folder; name a file"),
    ],
)
def test_files_that_cannot_be_written(folder: Path, name: str, message: str) -> None:
    """A file of unknown format, in no folder, or that is a folder is refused before anything is read."""
    (folder.parent / "folder.html").mkdir()
    with pytest.raises(UserError) as caught:
        report([folder], folder.parent / name)

    assert str(caught.value).endswith(message)


def test_a_comparison_that_is_kept_is_the_one_that_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`replay compare -o` prints the documents that it prints without, and a report shows every model as a run."""
    script = Script()
    for number in range(5):
        script.row(Kind.LOAD8, script.user(4 + number), n=100)
    script.save(tmp_path / "t.arrow")
    command = ["compare", str(tmp_path / "t.arrow"), "--machine", "flash-1997", "--price", "monitor_entry=90", "--json"]

    assert 0 == shell.run(cli.app, "replay", command)
    shown = json.loads(capsys.readouterr().out)["models"]
    assert 0 == shell.run(cli.app, "replay", [*command, "-o", str(tmp_path / "out")])
    kept = json.loads(capsys.readouterr().out)["models"]
    content = read([tmp_path / "out"])
    assert shown == kept == [result.document for result in content.results]
    assert content.sweep is None
