"""Charge one recorded guest to virtualization designs.

``load``, ``run``, ``compare``, ``sweep``, ``sensitivity`` and ``results`` are the Python API, see ``replay.api``;
nothing heavy is imported before one of them is used.  No module of this package may be called like one of them.
"""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["compare", "load", "results", "run", "sensitivity", "sweep"]

API = "replay.api"


def __getattr__(name: str) -> Any:
    """The API's function ``name``, imported when it is first asked for."""
    if name in __all__:
        return getattr(importlib.import_module(API), name)
    raise AttributeError(f"module 'replay' has no attribute {name!r}")
