"""Traces that studies are made from: recorded when they are asked for, and kept in the user's cache folder."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from replay import shell
from replay.errors import UserError
from replay.jit import cache_folder
from replay.trace.schema import SCHEMA_MAJOR, SCHEMA_MINOR

MACHINE = ("cpu", "memory_bytes", "disk_bytes", "seed", "vcpus", "quantum")
"""What a recipe may say of the machine; as ``tracegen.boot.workload_boot`` takes it."""

OPTIONS = ("kernel", "locks")
"""What it may say of the guest's kernel; as ``tracegen.options.options`` takes it."""

RECIPE = ("workload", "arguments", "skip_to_mark", *MACHINE, *OPTIONS)
"""All that decides what a trace holds, beside the guest's image."""


def kept_in() -> Path:
    """The folder of the traces."""
    return cache_folder() / "studies"


def command(recipe: Mapping[str, Any]) -> str:
    """The command line that records what ``recipe`` says."""
    arguments = [f"{name}={value}" for name, value in recipe.get("arguments", {}).items()]
    options = [f"--{name.removesuffix('_bytes')} {recipe[name]}" for name in (*MACHINE, *OPTIONS) if name in recipe]
    skip = [f"--skip-to-mark {recipe['skip_to_mark']}"] if "skip_to_mark" in recipe else []
    return " ".join(["tracegen run", recipe["workload"], *arguments, *options, *skip])


def trace_of(recipe: Mapping[str, Any]) -> Path:
    """The trace that ``recipe`` describes, recorded now unless this guest image's is kept.  Raises UserError."""
    from tracegen import build
    from tracegen.boot import workload_boot
    from tracegen.options import options
    from tracegen.record import record_boot
    from tracegen.window import Skip

    asked = {name: recipe[name] for name in RECIPE if name in recipe}
    cpu = asked.get("cpu", "mips64")
    digests = [build.image(cpu, *kernel).digest for kernel in ((), *([("thin",)] if _is_thin(asked) else []))]
    key = json.dumps([asked, *digests, SCHEMA_MAJOR, SCHEMA_MINOR], sort_keys=True)
    folder = kept_in()
    kept = folder / f"{recipe['workload']}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.arrow"
    if kept.exists():
        return kept
    folder.mkdir(parents=True, exist_ok=True)
    aside = kept.with_suffix(f".{os.getpid()}.part")
    machine = {name: asked[name] for name in MACHINE if name in asked}
    words = options(**{name: asked[name] for name in OPTIONS if name in asked})
    boot = workload_boot(recipe["workload"], recipe.get("arguments"), **machine, options=words)
    skip = Skip(mark=recipe["skip_to_mark"]) if "skip_to_mark" in recipe else None
    with shell.Progress(f"recording {recipe['workload']}", "M instructions", 1_000_000) as progress:
        summary = record_boot(boot, output=aside, progress=progress, skip=skip)
    if summary.status != 0:
        aside.unlink()
        if summary.signal:
            raise KeyboardInterrupt
        raise UserError(f"the guest of {command(recipe)} did not finish: {summary.reason}; run it to see more")
    aside.replace(kept)
    return kept


def _is_thin(recipe: Mapping[str, Any]) -> bool:
    return bool(recipe.get("kernel") == "thin")
