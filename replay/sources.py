"""Which sources shape the machine code of a module: its own, and all that it imports, however far."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PACKAGES = ("replay", "models", "tracegen")
"""Packages whose Python sources can shape a kernel."""

MODELS = "models"
"""The package whose modules register themselves with the replay kernel, which does not import them."""

MODEL_ENTRY_POINTS = "vmreplay.models"
"""Entry-point group through which third parties add models; their sources count as those of ``models``."""

HOOKED = "replay.kernel"
"""The module whose kernels are made of the models' functions."""

_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import[ \t]+(\([^)]*\)|[^\n]*)|import[ \t]+([^\n]+))", re.MULTILINE
)


def _third_parties() -> Iterator[str]:
    for point in sorted(importlib.metadata.entry_points(group=MODEL_ENTRY_POINTS), key=lambda p: p.name):
        module = point.value.partition(":")[0]
        if module.partition(".")[0] not in PACKAGES:
            yield module


@cache
def _root(package: str) -> Path | None:
    spec = importlib.util.find_spec(package)
    places = (spec.submodule_search_locations or ()) if spec else ()
    return next((Path(place) for place in places), None)


@cache
def _file(module: str) -> Path | None:
    """The source of a module of ours, without importing it; None for everything else."""
    package, _, rest = module.partition(".")
    root = _root(package) if package in PACKAGES else None
    if root is None:
        return None
    plain = root.joinpath(*rest.split(".")) if rest else root
    found = (plain.with_suffix(".py") if rest else plain, plain / "__init__.py")
    return next((path for path in found if path.is_file()), None)


def _named(text: str) -> Iterator[str]:
    """Every module that the imports of ``text`` may mean: of ``from a import b`` both a and a.b."""
    for match in _IMPORT.finditer(text):
        origin, names, plain = match.groups()
        if plain:
            yield from (name.split()[0] for name in plain.split(",") if name.strip())
            continue
        yield origin
        yield from (f"{origin}.{name.split()[0]}" for name in names.strip("()").split(",") if name.strip())


@cache
def _imported(path: Path) -> frozenset[str]:
    return frozenset(name for name in _named(path.read_text()) if _file(name))


def _source_of(module: str) -> Path | None:
    known = _file(module)
    if known or module.partition(".")[0] in PACKAGES:
        return known
    loaded = getattr(sys.modules.get(module), "__file__", None)
    if loaded is None:
        spec = importlib.util.find_spec(module)
        loaded = spec.origin if spec else None
    return Path(loaded) if loaded and Path(loaded).is_file() else None


@cache
def _models() -> tuple[str, ...]:
    root = _root(MODELS)
    own = sorted(path.stem for path in root.glob("*.py") if path.stem != "__init__") if root else []
    return (*(f"{MODELS}.{name}" for name in own), *_third_parties())


@cache
def sources(module: str) -> tuple[tuple[str, Path], ...]:
    """(module, file) of all that can change what ``module`` compiles to, by name.

    That is its own source and those of ours that it imports, directly or through others; with the replay kernel also
    every model, ours and third parties'.
    """
    found: dict[str, Path] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = _source_of(name)
        if name in found or path is None:
            continue
        found[name] = path
        waiting += _imported(path)
        if name == HOOKED:
            waiting += _models()
    return tuple(sorted(found.items()))


@cache
def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@cache
def digest(module: str) -> str:
    """Hex digest of the names and bytes of ``sources(module)``."""
    listing = "".join(f"{name}\0{_hash(path)}\n" for name, path in sources(module))
    return hashlib.sha256(listing.encode()).hexdigest()
