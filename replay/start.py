"""Where the installed commands begin: Ctrl-C is one line from here on, before anything that takes time is imported."""

from __future__ import annotations

import importlib
import sys

INTERRUPTED, INTERRUPTION = 130, "interrupted; nothing was written"
"""Exit code, and what is said, when Ctrl-C ends a command."""


def replay() -> None:
    """The command ``replay``."""
    _start("replay.cli")


def tracegen() -> None:
    """The command ``tracegen``."""
    _start("tracegen.cli")


def _start(command_line: str) -> None:
    try:
        importlib.import_module(command_line).main()
    except KeyboardInterrupt:
        sys.stderr.write(f"error: {INTERRUPTION}\n")
        sys.exit(INTERRUPTED)
