"""`replay sweep` and `replay sensitivity` on the command line."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from replay import cli, shell, sweeping
from replay.commands.status import Status
from replay.dataset import open_dataset
from replay.start import INTERRUPTED


def command(*arguments: object) -> int:
    """The exit code of `replay` with these arguments."""
    return shell.run(cli.app, "replay", [str(argument) for argument in arguments])


def test_a_grid_s_file_and_options_make_one_sweep(
    trace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the file states and what options add is swept, shown point by point, and kept."""
    grid, out = tmp_path / "g.toml", tmp_path / "out"
    grid.write_text(f'traces = ["{trace}"]\nmodels = ["native-walk"]\nset.stlb.entries = "12:48:*2"\n')

    code = command("sweep", grid, "--price", "stlb_hit=7,9", "-o", out)
    shown = capsys.readouterr()
    again = command("sweep", grid, "--price", "stlb_hit=7,9", "-o", out, "--json")
    listed = json.loads(capsys.readouterr().out)

    assert [0, 0] == [code, again]
    assert [(12, 7.0), (12, 9.0), (24, 7.0), (24, 9.0), (48, 7.0), (48, 9.0)] == [
        (point["set.stlb.entries"], point["price.stlb_hit"]) for point in listed
    ]
    assert 6 == sum(line.startswith("small ") for line in shown.out.splitlines())
    assert f"6 points in {out}" in shown.err


def test_a_plan_is_shown_and_not_done(trace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--plan` says how many counts points follow from and how each comes about, and writes nothing."""
    options = ("--model", "ept", "--set", "stlb.entries=12:96:*2", "--price", "vm_exit=1:1000:+1", "--plan")
    code = command("sweep", trace, *options, "--json")
    document = json.loads(capsys.readouterr().out)

    assert 0 == code
    assert (4000, 0, 8, 0) == tuple(document[key] for key in ("points", "there", "counts", "counts_there"))
    assert {"full replay, noting first-level misses": 2, "replay of the misses noted": 6} == document["ways"]
    assert 0 == command("sweep", trace, *options)
    assert "4,000 points, 0 of them there; they follow from 8 counts" in capsys.readouterr().out
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["TRACE", "--model", "ept"], "a sweep keeps its results; give --output FOLDER"),
        (["TRACE", "-o", "OUT"], "the grid names no models"),
        (["nowhere.toml", "-o", "OUT"], "nowhere.toml: no such file"),
        (["TRACE", "--model", "epd", "-o", "OUT"], "unknown model 'epd'; did you mean 'ept'"),
        (["TRACE", "--model", "ept", "--set", "stlb.entries=1:2", "-o", "OUT"], "is not first:last:step"),
        (["TRACE", "--model", "ept", "--price", "vm_exit=1:1e9:+1", "-o", "OUT"], "has 1,000,000,000 values"),
        (["TRACE", "--model", "ept", "-o", "ftp://nowhere/out"], "ftp://nowhere/out: "),
    ],
)
def test_mistakes_are_one_line(
    trace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    """A sweep that cannot be is refused in one line, before anything is written."""
    told = {"TRACE": str(trace), "OUT": str(tmp_path / "out")}

    assert shell.MISUSED == command("sweep", *(told.get(word, word) for word in arguments))
    said = capsys.readouterr().err
    assert words in said
    assert 1 == len(said.splitlines())
    assert [] == list(tmp_path.iterdir())


def test_ctrl_c_keeps_what_is_finished(
    trace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupted sweep says how many points it kept, and the next one makes only the others."""
    out, counted = tmp_path / "out", []

    class Interrupted(Status):
        def finished(self, points: int) -> None:
            counted.append(points)
            if len(counted) == 2:
                raise KeyboardInterrupt

    options = ("sweep", trace, "--model", "native-walk", "--set", "dtlb.entries=8:64:*2", "-o", out)
    with monkeypatch.context() as patched:
        patched.setattr("replay.commands.status.Status", Interrupted)
        code = command(*options)

    assert INTERRUPTED == code
    assert "interrupted; 2 of 4 points are kept, the same command goes on from there" in capsys.readouterr().err
    assert 2 == open_dataset(str(out)).missing
    assert 0 == command(*options)
    assert "2 of 4 points are there already" in capsys.readouterr().err
    assert 0 == open_dataset(str(out)).missing


def test_a_full_disk_keeps_what_is_finished(
    trace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sweep that runs out of disk says so in one line, and goes on once there is room."""
    out, written = tmp_path / "out", []
    replace = sweeping.Dataset.add_run

    def full(self: Any, *about: Any) -> None:
        written.append(about)
        if len(written) == 3:
            monkeypatch.setattr("os.replace", _no_space)
        replace(self, *about)

    monkeypatch.setattr(sweeping.Dataset, "add_run", full)
    options = ("sweep", trace, "--model", "native-walk", "--set", "dtlb.entries=8:64:*2", "-o", out)
    code = command(*options)
    said = capsys.readouterr().err
    monkeypatch.undo()

    assert shell.MISUSED == code
    assert "no space left on the device" in said
    assert "Traceback" not in said
    assert 0 == command(*options)
    assert 4 == open_dataset(str(out)).points().height
    assert [] == list(out.rglob("*.part"))


def _no_space(*_: Any) -> None:
    raise OSError(28, "No space left on device")


def test_the_status_line_says_rate_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Points, points a second and the time left follow from what is done."""
    status = Status()
    status.begin(100, 20)
    began = time.monotonic()
    monkeypatch.setattr("replay.commands.status.time.monotonic", lambda: began + 10)
    status.counting(50, 100)
    status.finished(40)

    assert status.line().startswith("60 of 100 points, 4.0 points/s, 0:10 left")


def test_sensitivity_is_a_table_or_a_document(trace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The screen names the dearest price first, as the document does."""
    options = ("sensitivity", trace, "--model", "ept", "--samples", "16")
    codes = [command(*options)]
    shown = capsys.readouterr().out
    codes.append(command(*options, "--json"))
    document = json.loads(capsys.readouterr().out)

    assert [0, 0] == codes
    assert ("ept", "native-walk", "skylake-2017") == tuple(document[key] for key in ("model", "baseline", "machine"))
    lines = shown.splitlines()
    first = next(at for at, line in enumerate(lines) if line.startswith("──"))
    assert lines[first + 1].startswith(document["prices"][0]["price"])


def test_points_that_cannot_be_are_not_among_those_kept(
    trace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The last line counts the points that are there, not those left out."""
    code = command(
        "sweep", trace, "--model", "ept", "--set", "stlb.ways=5,8", "--set", "stlb.entries=64", "-o", tmp_path / "out"
    )

    assert 0 == code
    said = capsys.readouterr().err
    assert "1 points left out: stlb.ways = 5" in said
    assert f"1 points in {tmp_path / 'out'}" in said
