"""Installed commands as whole processes, timed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

BIN = Path(sys.executable).parent


def seconds(folder: Path, program: str, *arguments: str, cache: Path | None = None) -> float:
    """Wall-clock seconds of a command in ``folder``, with the user's cache folder or another ``cache``."""
    environment = os.environ | ({"VMREPLAY_CACHE": str(cache)} if cache else {})
    start = time.perf_counter()
    subprocess.run([BIN / program, *arguments], cwd=folder, env=environment, check=True, capture_output=True)
    return time.perf_counter() - start
