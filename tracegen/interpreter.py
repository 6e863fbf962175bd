"""Compiled emulation loops: generated text, kept in the kernel cache under its content's hash."""

from __future__ import annotations

import atexit
import hashlib
import importlib
import importlib.util
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from replay.jit import kernel_folder
from tracegen.generate import Template, loop_source, rare_source


@cache
def _scratch_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="vmreplay-loop-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _write_once(path: Path, text: str) -> None:
    """Create the file whole or not at all; two processes at once write the same bytes."""
    if path.exists():
        return
    aside = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        aside.write_text(text)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _module(kind: str, text: str) -> ModuleType:
    """The module made of ``text``, imported from a file that is written only when absent."""
    name = f"vmreplay_{kind}_{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    path = (kernel_folder() or _scratch_folder()) / f"{name}.py"
    try:
        _write_once(path, text)
    except OSError:  # a full disk below the cache
        path = _scratch_folder() / path.name
        _write_once(path, text)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"cannot import the generated module {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _template(cpu: str) -> Template:
    template: Template = importlib.import_module(f"tracegen.{cpu.replace('-', '_')}.loop").TEMPLATE
    return template


@cache
def _rare_module(cpu: str) -> str:
    return _module("rare", rare_source(_template(cpu))).__name__


@cache
def load_loop(cpu: str, traced: bool) -> Callable[[Any, Any], None]:
    """The compiled ``run(core, views)`` of a CPU, "mips64" or "x86-64".

    It runs a ``state.Core`` until it needs Python and leaves a ``state.Stop`` in it; compiled at its first call.
    """
    text = loop_source(_template(cpu), traced, _rare_module(cpu))
    run: Callable[[Any, Any], None] = _module("traced" if traced else "plain", text).run
    return run
