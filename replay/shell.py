"""What the two command lines share: exit codes, one-line errors, JSON on stdout and everything else on stderr."""

from __future__ import annotations

import json
import os
import signal
import sys
import textwrap
import threading
from collections.abc import Sequence
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, Self

import typer

from replay.errors import UserError, remedy
from replay.start import INTERRUPTED, INTERRUPTION

if TYPE_CHECKING:
    import rich.console
    import rich.progress
    import rich.table

FAILED, MISUSED, TERMINATED = 1, 2, 143
"""Exit codes: the guest or the work failed; the user can put it right; a polite kill.  Ctrl-C has INTERRUPTED."""

PIPED_WIDTH = 100
"""Columns of a table that no terminal shows."""

PATIENCE_SECONDS = 1.0
"""Work that takes longer shows a progress bar."""


class GuestFailureError(Exception):
    """The recorded guest did not end well: its workload's own check failed, or it never finished.

    ``code`` is the exit code to give.
    """

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.code = code


def run(app: typer.Typer, program: str, arguments: Sequence[str] | None = None) -> int:
    """Run ``app`` and return the process's exit code; every foreseen failure is one line on stderr, no traceback."""
    if sys.stdout is None or sys.stderr is None:
        return MISUSED if sys.stderr is None else _fail("standard output is closed; leave it open", MISUSED)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup has it
            signal.signal(number, _terminate)
    interrupted = _note_interrupts()
    try:
        words = (sys.argv[1:] or ["--help"]) if arguments is None else arguments
        code = app(args=words, prog_name=program, standalone_mode=False)
    except KeyboardInterrupt:
        return _fail(INTERRUPTION, INTERRUPTED)
    except UserError as error:
        return _fail(str(error), MISUSED)
    except GuestFailureError as error:
        return _fail(str(error), error.code)
    except typer.TyperException as error:
        return _fail(_usage(error, program), MISUSED)
    except OSError as error:
        return _fail(explain(error), MISUSED)
    except MemoryError:
        return _fail("out of memory; use a smaller trace or close other programs", MISUSED)
    except Exception:
        if interrupted.is_set():  # the compiler makes errors of its own of Ctrl-C
            return _fail(INTERRUPTION, INTERRUPTED)
        raise
    if code == INTERRUPTED:  # how Typer reports Ctrl-C
        return _fail(INTERRUPTION, INTERRUPTED)
    return code if isinstance(code, int) else 0


def explain(error: OSError) -> str:
    """One line naming the file of ``error``, what went wrong with it and the remedy."""
    return f"{error.filename}: {remedy(error)}" if error.filename else remedy(error)


def write_json(document: Any) -> None:
    """Print ``document`` as the one JSON document on stdout."""
    json.dump(document, sys.stdout, indent=2, ensure_ascii=False, allow_nan=False)
    sys.stdout.write("\n")


def say(message: str) -> None:
    """Print a message that is no result, on stderr."""
    print(message, file=sys.stderr)


def examples(*lines: str) -> str:
    """The foot of a command's help: commands to try, one a line."""
    return "\n".join(("\b", "Examples:", *(f"  {line}" for line in lines)))


def application(what: str, *tries: str) -> typer.Typer:
    """An application without commands yet: ``what`` it is for, and commands to try, one a line."""
    app = typer.Typer(
        help=what,
        epilog=examples(*tries),
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback()
    def options(
        version: Annotated[
            bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit.")
        ] = False,
    ) -> None:
        """Nothing happens here: the options act by themselves."""

    return app


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import PackageNotFoundError, version

        try:
            print(f"vmreplay {version('vmreplay')}")
        except PackageNotFoundError:
            print("vmreplay, run from a checkout that is not installed")
        raise typer.Exit


def table(*headings: str) -> rich.table.Table:
    """A table with these column headings; a heading that starts with ``>`` makes a column of numbers."""
    import rich.box
    import rich.table

    made = rich.table.Table(box=rich.box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for heading in headings:
        number = heading.startswith(">")
        text = heading.removeprefix(">")
        made.add_column(text, justify="right" if number else "left", no_wrap=number, overflow="fold")
    return made


def console() -> rich.console.Console:
    """The console that tables are printed on: stdout, without colour under NO_COLOR or in a pipe."""
    from rich.console import Console

    piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(width=PIPED_WIDTH if piped else None, highlight=False, emoji=False, markup=False)


def show(*screens: rich.console.RenderableType) -> None:
    """Print what a reader is to see on stdout, an empty line between the parts."""
    screen = console()
    with screen.capture() as captured:
        for part in screens:
            screen.print(_hung(part, screen.width) if isinstance(part, str) else part)
            screen.print()
    sys.stdout.writelines(f"{line.rstrip()}\n" for line in captured.get().rstrip().splitlines())


def _hung(text: str, width: int) -> str:
    """``text``, whose indented lines go on two places further right where they are too long."""
    return "\n".join(
        textwrap.fill(line, width, subsequent_indent=" " * (len(line) - len(line.lstrip()) + 2))
        if line.startswith(" ") and len(line) > width
        else line
        for line in text.split("\n")
    )


class Progress:
    """A bar on stderr for work that lasts; silent where stderr is no terminal.

    Call it with what is done, and in all if that is known.  ``scale`` units of work make one ``unit`` to show.
    A timer opens the bar, so that a first run's compiling shows too.
    """

    def __init__(self, label: str, unit: str = "rows", scale: int = 1) -> None:
        self._label, self._unit, self._scale = label, unit, scale
        self._bar: rich.progress.Progress | None = None
        self._timer = threading.Timer(PATIENCE_SECONDS, self._open)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            self._timer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._timer.cancel()
        if self._timer.is_alive():
            self._timer.join()
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, done: int, total: int | None = None) -> None:
        """Show that ``done`` of ``total`` are finished; without a total, a bar that only moves and how many."""
        if self._bar is not None:
            label = self._label if total else f"{self._label}, {done // self._scale:,} {self._unit}"
            self._bar.update(self._task, completed=done, total=total or None, description=label)

    def _open(self) -> None:
        import rich.console
        import rich.progress as bars

        columns = (
            bars.TextColumn("{task.description}"),
            bars.BarColumn(),
            bars.TaskProgressColumn(),
            bars.TimeElapsedColumn(),
        )
        bar = bars.Progress(*columns, console=rich.console.Console(stderr=True), transient=True)
        self._task = bar.add_task(f"{self._label}, compiling what is new", total=None)
        bar.start()
        self._bar = bar


def _fail(message: str, code: int) -> int:
    say(f"error: {' '.join(message.split())}")
    return code


def _usage(error: typer.TyperException, program: str) -> str:
    message = error.message if hasattr(error, "possibilities") else error.format_message()
    near = getattr(error, "possibilities", None)
    message = message.replace("Value error, ", "")
    hint = f"; did you mean {near[0]}?" if near else ""
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else program
    return f"{message[:1].lower()}{message[1:].rstrip('.').replace('. D', '; d')}{hint} (see `{command} --help`)"


def _note_interrupts() -> threading.Event:
    """An event that Ctrl-C sets, besides what it does anyway."""
    interrupted = threading.Event()

    def interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
        interrupted.set()
        raise KeyboardInterrupt

    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # as in a background job of a script
        signal.signal(signal.SIGINT, interrupt)
    return interrupted


def _terminate(_signal: int, _frame: FrameType | None) -> NoReturn:
    # An exception, unlike the default action, lets writers remove their half-written files.  Written past Python's
    # buffers, which the signal may have found in use.
    os.write(2, b"error: terminated; nothing was written\n")
    sys.exit(TERMINATED)
