"""Where what can be made again is kept."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """The user's cache folder: ``$VMREPLAY_CACHE``, else ``$XDG_CACHE_HOME/vmreplay``, else ``~/.cache/vmreplay``."""
    chosen = os.environ.get("VMREPLAY_CACHE")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "vmreplay"
