"""How far a sweep is: a bar with rate and time left on a terminal, else a line now and then."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from replay import shell

if TYPE_CHECKING:
    import rich.progress

LINE_SECONDS = 10.0
"""Between lines where stderr is no terminal."""


class Status:
    """Shows a sweep on stderr."""

    def __init__(self) -> None:
        self._points = self._there = self._new = 0
        self._rows = self._total = 0
        self._began = self._said = time.monotonic()
        self._lock = threading.Lock()
        self._bar: rich.progress.Progress | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()

    def begin(self, points: int, there: int) -> None:
        """A sweep of so many points begins, of which so many are there already."""
        self._points, self._there = points, there
        self._began = self._said = time.monotonic()
        if there:
            shell.say(f"{there:,} of {points:,} points are there already")
        if sys.stderr.isatty():
            self._open()

    def counting(self, rows: int, total: int) -> None:
        """So many rows of traces are counted, of so many in all."""
        with self._lock:
            self._rows, self._total = rows, total
            self._show()

    def finished(self, points: int) -> None:
        """So many more points are finished."""
        with self._lock:
            self._new += points
            self._show()

    def line(self) -> str:
        """How far it is: points, rate and time left."""
        passed = time.monotonic() - self._began
        done = self._rows / self._total if self._total else self._new / max(1, self._points - self._there)
        left = f", {_duration(passed / done - passed)} left" if 0 < done < 1 else ""
        rate = f", {self._new / passed:,.1f} points/s" if passed > 0 and self._new else ""
        return f"{self._there + self._new:,} of {self._points:,} points{rate}{left}"

    def _show(self) -> None:
        now = time.monotonic()
        if self._bar is not None:
            self._bar.update(self._task, completed=self._there + self._new, description=self.line())
        elif not sys.stderr.isatty() and now - self._said >= LINE_SECONDS:
            self._said = now
            shell.say(self.line())

    def _open(self) -> None:
        import rich.console
        import rich.progress as bars

        columns = (bars.TextColumn("{task.description}"), bars.BarColumn(), bars.TimeElapsedColumn())
        self._bar = bars.Progress(*columns, console=rich.console.Console(stderr=True), transient=True)
        self._task = self._bar.add_task(self.line(), total=self._points)
        self._bar.start()


def _duration(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // 3600} h {whole % 3600 // 60} min" if whole >= 3600 else f"{whole // 60}:{whole % 60:02}"
