"""The command lines' own work: reading words, exit codes, one-line errors, and staying quick."""

from __future__ import annotations

import dataclasses
import errno
import importlib.metadata
import signal
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import typer

import models
import tracegen.cli
from replay import cli, shell, start
from replay.commands.options import complete_machine, complete_model, pairs
from replay.errors import UserError
from replay.handmade import handmade_meta
from replay.trace.container import TraceFile
from replay.trace.schema import COLUMNS, Kind
from tracegen.sizes import parse_arguments, parse_size

HEAVY = ("numba", "numpy", "polars", "pyarrow", "capstone", "rich")


@pytest.mark.parametrize("program", ["replay", "tracegen"])
def test_help_loads_nothing_heavy(root: Path, program: str) -> None:
    """Help and completion are answered without importing what only work needs."""
    script = (
        f"import sys, {program}.cli as cli; from replay import shell;"
        f"code = shell.run(cli.app, {program!r}, ['--help']);"
        f"print(*sorted(set({HEAVY!r}) & set(sys.modules)), file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True)

    assert "Usage: " + program in done.stdout
    assert done.stderr.strip() == ""


@pytest.mark.parametrize("module", ["typer", "pyarrow"])
@pytest.mark.parametrize("words", ["replay info no.arrow", "tracegen run radix"])
def test_ctrl_c_while_modules_load_is_one_line(root: Path, words: str, module: str) -> None:
    """Ctrl-C before there is a command line to handle it, or while a command loads what it needs, is no traceback."""
    script = (
        "import sys\n"
        "class Interrupting:\n"
        "    def find_spec(self, name, path, target=None):\n"
        f"        if name == {module!r}: raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupting())\n"
        f"sys.argv = {words.split()!r}\n"
        f"from replay import start; start.{words.split(maxsplit=1)[0]}()"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=False)

    assert (start.INTERRUPTED, "", "error: interrupted; nothing was written\n") == (
        done.returncode,
        done.stdout,
        done.stderr,
    )


@pytest.mark.parametrize("program", ["replay", "tracegen"])
def test_a_bare_name_shows_the_help(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    """A command line without words shows its commands, on lines of their own."""
    monkeypatch.setattr(sys, "argv", [program])
    app = cli.app if program == "replay" else tracegen.cli.app

    assert 0 == shell.run(app, program)
    out, err = capsys.readouterr()
    assert [f"Usage: {program} [OPTIONS] COMMAND [ARGS]..."] == out.splitlines()[:1]
    assert "" == err


@pytest.mark.parametrize("app", [cli.app, tracegen.cli.app], ids=["replay", "tracegen"])
def test_every_name_is_completed(app: typer.Typer) -> None:
    """Whichever command takes the name of a model, machine, workload or CPU, shells complete it."""
    commands = typer.main.get_command(app).commands
    silent = [
        f"{name} {parameter.name}"
        for name, command in commands.items()
        for parameter in command.params
        if parameter.name in {"model", "machine", "workload", "cpu"}
        if not parameter.shell_complete(command.make_context(name, ["x"], resilient_parsing=True), "")
    ]

    assert [] == silent


def test_completion_names_come_from_the_registries() -> None:
    """Completion offers models with their summaries, and machines, that start as typed."""
    assert ["disco"] == [name for name, _ in complete_model("d")]
    assert ["flash-1997", "flash-1997-numa", "flash-1997-uma"] == complete_machine("fl")
    assert [] == complete_machine("zz")


@pytest.mark.parametrize(
    ("text", "size"), [("64M", 64 << 20), ("1GiB", 1 << 30), ("512k", 512 << 10), ("16MB", 16 << 20)]
)
def test_sizes_have_units(text: str, size: int) -> None:
    """A size is a number with a unit of 1024 bytes or a power of it."""
    assert size == parse_size("--memory", text)


@pytest.mark.parametrize("text", ["64", "M", "-1M", "1.5G", "64 T", ""])
def test_sizes_without_a_unit_are_refused(text: str) -> None:
    """A size without a unit, or that is no whole number, is an error that shows how to write one."""
    with pytest.raises(UserError, match=r"no size with a unit; write for example --memory 64M"):
        parse_size("--memory", text)


def test_workload_arguments_take_three_forms() -> None:
    """Arguments are written --name value, --name=value or name=value, in decimal or another base."""
    words = ["--keys", "1_000", "--radix=0x10", "seed=7"]

    assert {"keys": 1000, "radix": 16, "seed": 7} == parse_arguments(words, ["keys", "radix", "seed"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["65536"], "workload argument '65536' has no name; write NAME=VALUE, one of: keys, radix"),
        (["--kyes", "1"], "unknown workload argument or option 'kyes'; did you mean 'keys'?"),
        (["--sed", "1"], "unknown workload argument or option 'sed'; did you mean 'seed'?"),
        (["keys=1", "--keys", "2"], "workload argument keys is given twice; give it once"),
        (["keys=many"], "workload argument keys should be an integer, is 'many'"),
        (["--keys"], "workload argument keys should be an integer, is ''"),
    ],
)
def test_workload_arguments_that_cannot_be_read(words: list[str], message: str) -> None:
    """A nameless, unknown, repeated or non-integer argument is an error that names it."""
    with pytest.raises(UserError) as caught:
        parse_arguments(words, ["keys", "radix"], ["seed", "cpu"])

    assert str(caught.value).startswith(message)


def test_pairs_keep_what_is_after_the_first_equals_sign() -> None:
    """NAME=VALUE texts become a dictionary of texts."""
    assert {"tlb.entries": "128", "a": "b=c"} == pairs("--set", ["tlb.entries=128", "a=b=c"])


@pytest.mark.parametrize("texts", [["tlb.entries"], ["=1"], ["a="], ["a=1", "a=2"]])
def test_pairs_that_cannot_be_read(texts: list[str]) -> None:
    """A setting without name or value, or given twice, is an error that names the option."""
    with pytest.raises(UserError, match=r"^--set "):
        pairs("--set", texts)


def test_errors_of_the_system_name_file_and_remedy() -> None:
    """A system error becomes one line with the file's name, what is wrong and what to do."""
    full = OSError(errno.ENOSPC, "No space left on device", "out/t.arrow")

    assert "out/t.arrow: no space left on the device; free some, or name another folder" == shell.explain(full)


@pytest.mark.parametrize(
    ("raised", "code", "line"),
    [
        (UserError("no such\nthing"), 2, "error: no such thing"),
        (shell.GuestFailureError("guest died"), 1, "error: guest died"),
        (KeyboardInterrupt(), 130, "error: interrupted; nothing was written"),
        (PermissionError(errno.EACCES, "", "a"), 2, "error: a: permission denied; change its permissions"),
        (MemoryError(), 2, "error: out of memory; use a smaller trace"),
    ],
)
def test_foreseen_failures_are_one_line(
    capsys: pytest.CaptureFixture[str], raised: BaseException, code: int, line: str
) -> None:
    """Whatever foreseen thing goes wrong, one line on stderr says so, stdout stays empty and the exit code tells."""
    app = typer.Typer()

    @app.command()
    def fail() -> None:
        raise raised

    assert code == shell.run(app, "tool", [])
    out, err = capsys.readouterr()
    assert out == ""
    assert [line] == [text[: len(line)] for text in err.strip().splitlines()]


def test_ctrl_c_that_became_another_error_is_ctrl_c(capsys: pytest.CaptureFixture[str]) -> None:
    """An error that a library makes of Ctrl-C is one line too, and no traceback."""
    app = typer.Typer()

    @app.command()
    def fail() -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise RuntimeError("compiling failed") from None

    assert start.INTERRUPTED == shell.run(app, "tool", [])
    assert ("", "error: interrupted; nothing was written\n") == capsys.readouterr()


def test_third_parties_add_commands(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Another distribution's command runs by its name, and one that does not load is a notice, not a failure."""
    guest = ModuleType("third_party")
    guest.app = typer.Typer()
    guest.app.callback(invoke_without_command=True)(lambda: print("hello"))
    monkeypatch.setitem(sys.modules, "third_party", guest)
    points = [EntryPoint("hello", "third_party:app", cli.ENTRY_POINTS), EntryPoint("gone", "no_such:app", "")]
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: points)
    app = typer.Typer()
    app.callback()(lambda: None)

    cli.add_third_parties(app)

    assert 0 == shell.run(app, "replay", ["hello"])
    out, err = capsys.readouterr()
    assert "hello\n" == out
    assert "notice: command gone does not load from no_such:app (No module named 'no_such')\n" == err


def test_third_parties_add_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another distribution's model is known as soon as its folder is on the path; one by a name of ours is not."""
    before = models.entries()
    home = tmp_path / "guest-1.dist-info"
    home.mkdir()
    (home / "METADATA").write_text("Metadata-Version: 2.1\nName: guest\nVersion: 1\n")
    (home / "entry_points.txt").write_text("[vmreplay.models]\nhosted = guest:MODEL\ndisco = guest:MODEL\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    assert before | {"hosted": models.Entry("guest:MODEL", "from the distribution guest")} == models.entries()
    with pytest.raises(UserError, match=r"model hosted does not load from guest:MODEL"):
        models.load("hosted")


def test_progress_stays_silent_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    """Where stderr is no terminal, no bar is drawn however long the work takes."""
    with shell.Progress("working") as progress:
        progress(1, 2)
        progress(2, 2)

    assert ("", "") == capsys.readouterr()


def test_a_trace_that_no_model_takes_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Comparing a trace of an architecture without models is one line, not an empty table."""
    trace = TraceFile(tmp_path / "vax.arrow", dataclasses.replace(handmade_meta(), architecture="vax"))
    trace.write({name: np.array([Kind.END if name == "kind" else 0], kind) for name, kind in COLUMNS.items()})
    trace.commit({})

    assert shell.MISUSED == shell.run(cli.app, "replay", ["compare", str(trace.path)])
    assert "not of vax" in capsys.readouterr().err


def test_a_polite_kill_is_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    """SIGTERM ends any command with the exit code of its own and one line."""
    app = typer.Typer()

    @app.command()
    def work() -> None:
        signal.raise_signal(signal.SIGTERM)

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        with pytest.raises(SystemExit, match="143"):
            shell.run(app, "tool", [])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

    assert ("", "error: terminated; nothing was written\n") == capfd.readouterr()


def test_an_indented_line_that_is_too_long_hangs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What goes on is indented further than what begins, so that two rules of a list are told apart."""
    monkeypatch.setenv("COLUMNS", "20")
    shell.show("Rules:\n  one and two and three\n  four")

    assert "Rules:\n  one and two and\n    three\n  four\n" == capsys.readouterr().out
