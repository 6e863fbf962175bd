"""Ctrl-C and a polite kill while a guest runs: the run ends at its next return to Python, and its trace is kept."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

SIGNALS = {
    signal.SIGINT: "interrupted",
    signal.SIGTERM: "terminated",
    signal.SIGHUP: "the terminal was closed",
}
"""Signals that end a run -> what is said."""


class Interrupts:
    """A context manager; ``reason()`` is polled by the run, and is empty until a signal came.

    Signals are caught from the first poll on: until then the guest has not run, and there is nothing to keep.  Those
    that the process ignores, as under ``nohup``, stay ignored.  A second signal acts as if there were no one here.
    Outside the main thread, where Python allows no handlers, nothing is caught.
    """

    def __init__(self) -> None:
        self._before: dict[int, Any] = {}
        self._polled = False
        self.signal: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._restore()

    def reason(self) -> str:
        """Why the run is to end, or nothing."""
        if not self._polled:
            self._polled = True
            if threading.current_thread() is threading.main_thread():
                heard = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
                self._before = {number: signal.signal(number, self._note) for number in heard}
        return "" if self.signal is None else SIGNALS[signal.Signals(self.signal)]

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.signal = number
        self._restore()

    def _restore(self) -> None:
        while self._before:
            signal.signal(*self._before.popitem())
