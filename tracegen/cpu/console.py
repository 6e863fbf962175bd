"""The console's and the exit register: what a store to them does."""

from __future__ import annotations

import numpy as np

from replay.jit import inline
from tracegen.cpu import state as S
from tracegen.cpu.state import Leave, Stop

EXIT, STOP = np.uint64(Stop.EXIT), int(Leave.STOP)
ZERO, ONE = np.uint64(0), np.uint64(1)


@inline
def console_byte(s, value):
    """Print the low byte of ``value``."""
    s[np.uint64(S.CONSOLE) + s[S.CONSOLE_LENGTH]] = value & np.uint64(0xFF)
    s[S.CONSOLE_LENGTH] += ONE
    if s[S.CONSOLE_LENGTH] >= S.CONSOLE_FLUSH:
        s[S.LIMIT] = ZERO


@inline
def exit_run(s, value):
    """End the run with exit status ``value``; the instruction that does so retires."""
    s[S.EXIT_VALUE] = value
    s[S.COUNT] += ONE
    s[S.STATUS_CODE] = EXIT
    return STOP
