"""Traces that studies are made from: recorded when they are asked for, and kept in the user's cache folder."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from replay import shell
from replay.errors import UserError
from replay.folders import cache_folder
from replay.trace.schema import SCHEMA_MAJOR, SCHEMA_MINOR

if TYPE_CHECKING:
    from tracegen.record import RecordSummary

MACHINE = ("cpu", "memory_bytes", "disk_bytes", "seed", "vcpus", "quantum")
"""What a recipe may say of the machine; as ``tracegen.boot.workload_boot`` takes it."""

OPTIONS = ("kernel", "locks")
"""What it may say of the guest's kernel; as ``tracegen.options.options`` takes it."""

RECIPE = ("workload", "arguments", "skip_to_mark", "session", *MACHINE, *OPTIONS)
"""All that decides what a trace holds, beside the guest's image."""


def kept_in() -> Path:
    """The folder of the traces."""
    return cache_folder() / "studies"


def command(recipe: Mapping[str, Any]) -> str:
    """The command line that records what ``recipe`` says."""
    arguments = [f"{name}={value}" for name, value in recipe.get("arguments", {}).items()]
    options = [f"--{name.removesuffix('_bytes')} {recipe[name]}" for name in (*MACHINE, *OPTIONS) if name in recipe]
    skip = [f"--skip-to-mark {recipe['skip_to_mark']}"] if "skip_to_mark" in recipe else []
    session = [f"--vms {recipe['session']}"] if "session" in recipe else []
    return " ".join(["tracegen run", recipe["workload"], *arguments, *options, *skip, *session])


def traces_of(recipe: Mapping[str, Any], vms: int = 0) -> list[Path]:
    """The traces of a guest: a session's, where the recipe says of how many machines; else those of ``vms`` recordings.

    These have the seeds from 1 on; 0: one recording as it is.  Raises UserError.
    """
    if "session" in recipe:
        folder = trace_of(recipe)
        return [folder / f"vm{number}.arrow" for number in range(recipe["session"])]
    seeds = [{"seed": seed + 1} for seed in range(vms)] or [{}]
    return [trace_of({**recipe, **seed}) for seed in seeds]


def trace_of(recipe: Mapping[str, Any]) -> Path:
    """The trace that ``recipe`` describes, recorded now unless this guest image's is kept; a folder of a session's.

    Raises UserError.
    """
    kept = kept_in() / _name(recipe)
    if kept.exists():
        return kept
    kept.parent.mkdir(parents=True, exist_ok=True)
    aside = kept.with_suffix(f".{os.getpid()}.part")
    try:
        with shell.Progress(f"recording {recipe['workload']}", "M instructions", 1_000_000) as progress:
            summaries = _record(recipe, aside, progress)
        failed = next((summary for summary in summaries if summary.status != 0), None)
        if failed and failed.signal:
            signal.raise_signal(failed.signal)
        if failed:
            raise UserError(f"the guest of {command(recipe)} did not finish: {failed.reason}; run it to see more")
        _put(aside, kept)
    finally:
        _remove(aside)
    return kept


def _name(recipe: Mapping[str, Any]) -> str:
    """What the trace is kept as: the workload, and a digest of all that decides what it holds."""
    from tracegen import build

    asked = {name: recipe[name] for name in RECIPE if name in recipe}
    cpu = asked.get("cpu", "mips64")
    digests = [build.image(cpu, *kernel).digest for kernel in ((), *([("thin",)] if _is_thin(asked) else []))]
    key = json.dumps([asked, *digests, SCHEMA_MAJOR, SCHEMA_MINOR], sort_keys=True)
    name = f"{recipe['workload']}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
    return name if "session" in recipe else f"{name}.arrow"


def _record(recipe: Mapping[str, Any], aside: Path, progress: shell.Progress) -> Sequence[RecordSummary]:
    from tracegen.boot import workload_boot
    from tracegen.options import options
    from tracegen.record import record_boot
    from tracegen.record_session import record_session
    from tracegen.session import Vm
    from tracegen.switch import Link
    from tracegen.window import Skip

    machine = {name: recipe[name] for name in MACHINE if name in recipe}
    words = options(**{name: recipe[name] for name in OPTIONS if name in recipe})
    boot = workload_boot(recipe["workload"], recipe.get("arguments"), **machine, options=words)
    if "session" in recipe:
        return record_session([Vm(boot)] * recipe["session"], Link(), output=aside, progress=progress)
    skip = Skip(mark=recipe["skip_to_mark"]) if "skip_to_mark" in recipe else None
    return [record_boot(boot, output=aside, progress=progress, skip=skip)]


def _put(aside: Path, kept: Path) -> None:
    """Keep what is aside, unless another process recorded the same first: a session's folder would not be replaced."""
    try:
        aside.replace(kept)
    except OSError:
        if not kept.exists():
            raise


def _remove(aside: Path) -> None:
    """Remove what is aside, if there is anything."""
    if aside.is_dir():
        shutil.rmtree(aside)
    else:
        aside.unlink(missing_ok=True)


def _is_thin(recipe: Mapping[str, Any]) -> bool:
    return bool(recipe.get("kernel") == "thin")
