"""The registry of models: names only, so that listing them loads none of them.

A third party adds a model through the entry-point group ``vmreplay.models``: ``name = "module:MODEL"``.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from replay.errors import UserError, unknown

if TYPE_CHECKING:
    from replay.model import Model

ENTRY_POINTS = "vmreplay.models"

ARCHITECTURES = ("mips64", "x86-64")
"""Architectures of traces, in the order of an entry's labels."""


class Entry(NamedTuple):
    """Where a model is, what it is in one line, what else it is called, and how true it is to what the system was.

    The last two are labels: faithful, ported or hypothetical, on a trace of each of ARCHITECTURES; '' if unknown.
    """

    place: str
    summary: str
    aliases: tuple[str, ...] = ()
    on_mips64: str = ""
    on_x86_64: str = ""

    @property
    def fidelity(self) -> dict[str, str]:
        """Architecture of a trace -> label."""
        labels = zip(ARCHITECTURES, (self.on_mips64, self.on_x86_64), strict=True)
        return {architecture: label for architecture, label in labels if label}


BUILT_IN = {
    "native": Entry(
        "models.native:MODEL",
        "the bare machine: software-refilled TLB, no monitor",
        ("native-refill",),
        "faithful",
        "hypothetical",
    ),
    "native-walk": Entry(
        "models.native_walk:MODEL",
        "the bare machine: hardware walks the page tables, no monitor",
        (),
        "hypothetical",
        "faithful",
    ),
    "trap-emulate": Entry(
        "models.trap_emulate:MODEL",
        "classic full virtualization: a deprivileged kernel over shadow page tables, every trap emulated",
        ("classic",),
        "hypothetical",
        "hypothetical",
    ),
    "npt": Entry(
        "models.npt:MODEL",
        "nested page tables: the hardware walks in two dimensions (AMD; Bhargava et al., ASPLOS 2008)",
        (),
        "hypothetical",
        "faithful",
    ),
    "disco": Entry(
        "models.disco:MODEL",
        "Disco: trap and emulate, software TLB over a pmap (Bugnion et al., SOSP 1997)",
        ("disco-1997", "numa"),
        "faithful",
        "hypothetical",
    ),
    "vmware": Entry(
        "models.vmware:MODEL",
        "VMware: binary translation of the kernel, shadow page tables (Adams and Agesen, ASPLOS 2006)",
        ("bt",),
        "hypothetical",
        "ported",
    ),
    "xen": Entry(
        "models.xen:MODEL",
        "Xen: paravirtual guest, direct page tables with validated updates (Barham et al., SOSP 2003)",
        ("para",),
        "hypothetical",
        "ported",
    ),
    "shadow": Entry(
        "models.shadow:MODEL",
        "shadow page tables on virtualization hardware without nested ones (Adams and Agesen, ASPLOS 2006)",
        ("shadow-paging",),
        "hypothetical",
        "faithful",
    ),
    "ept": Entry(
        "models.ept:MODEL",
        "extended page tables: the hardware walks in two dimensions (VT-x of the second generation)",
        (),
        "hypothetical",
        "faithful",
    ),
    "agile": Entry(
        "models.agile:MODEL",
        "agile paging: shadow tables above a switch level, nested ones below (Gandhi et al., ISCA 2016)",
        (),
        "hypothetical",
        "faithful",
    ),
}

BY_ARCHITECTURE: dict[str, dict[str, str]] = {
    "native": {"x86-64": "native-walk"},
    "bare": {"mips64": "native", "x86-64": "native-walk"},
    "full": {"mips64": "trap-emulate", "x86-64": "vmware"},
}
"""Word -> architecture of a trace -> the model that it means there; elsewhere it is a model's name, or unknown."""


def entries() -> dict[str, Entry]:
    """Every model by name: those of the package, then third parties'."""
    return BUILT_IN | _installed(tuple(sys.path))


@cache
def _installed(_path: tuple[str, ...]) -> dict[str, Entry]:
    """Third parties' models, looked for once on a path: to find them, every distribution's files are read."""
    found: dict[str, Entry] = {}
    for point in sorted(importlib.metadata.entry_points(group=ENTRY_POINTS), key=lambda p: p.name):
        dist = point.dist.name if point.dist else "?"
        if point.name not in BUILT_IN:
            found.setdefault(point.name, Entry(point.value, f"from the distribution {dist}"))
    return found


def check(name: str) -> None:
    """Raise UserError if ``name`` means a model on traces of no architecture."""
    words = [*entries(), *(alias for entry in entries().values() for alias in entry.aliases), *BY_ARCHITECTURE]
    if name not in words:
        raise unknown("model", name, words, "replay models")


def resolve(name: str, architecture: str = "") -> str:
    """The model's own name for ``name`` on a trace of ``architecture``; without one, of any.

    Raises UserError if no model is called so, or if which one is depends on an architecture that is not known.
    """
    check(name)
    known = entries()
    aliases = {alias: model for model, entry in known.items() for alias in entry.aliases}
    meanings = BY_ARCHITECTURE.get(name, {})
    found = meanings.get(architecture) or (name if name in known else aliases.get(name))
    if not found:
        told = " and ".join(f"{model} on a trace of {where}" for where, model in meanings.items())
        raise UserError(f"{name} means {told}; name one of them (see `replay models`)")
    return found


def word(name: str, architecture: str) -> str:
    """What the model ``name`` is asked for by on a trace of ``architecture``: its name, unless that means another."""
    return next(said for said in (name, *entries()[name].aliases) if resolve(said, architecture) == name)


def load(name: str, architecture: str = "") -> Model:
    """The model that ``name`` means on a trace of ``architecture``, as ``resolve`` has it.  Raises UserError."""
    name = resolve(name, architecture)
    module, _, attribute = entries()[name].place.partition(":")
    try:
        model: Model = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise UserError(f"model {name} does not load from {module}:{attribute} ({error}); reinstall it") from None
    return model
