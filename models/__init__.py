"""The registry of models: names only, so that listing them loads none of them.

A third party adds a model through the entry-point group ``vmreplay.models``: ``name = "module:MODEL"``.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from typing import TYPE_CHECKING, NamedTuple

from replay.errors import UserError, unknown

if TYPE_CHECKING:
    from replay.model import Model

ENTRY_POINTS = "vmreplay.models"


class Entry(NamedTuple):
    """Where a model is, what it is in one line, and what else the literature calls it."""

    place: str
    summary: str
    aliases: tuple[str, ...] = ()


BUILT_IN = {
    "native": Entry("models.native:MODEL", "the bare machine: software-refilled TLB, no monitor", ("bare",)),
    "native-walk": Entry("models.native_walk:MODEL", "the bare machine: hardware walks the page tables, no monitor"),
    "shadow": Entry(
        "models.shadow:MODEL",
        "shadow page tables on virtualization hardware without nested ones (Adams and Agesen, ASPLOS 2006)",
        ("shadow-paging",),
    ),
    "disco": Entry(
        "models.disco:MODEL",
        "Disco: trap and emulate, software TLB over a pmap (Bugnion et al., SOSP 1997)",
        ("disco-1997",),
    ),
}


def entries() -> dict[str, Entry]:
    """Every model by name: those of the package, then third parties'."""
    found = dict(BUILT_IN)
    for point in sorted(importlib.metadata.entry_points(group=ENTRY_POINTS), key=lambda p: p.name):
        dist = point.dist.name if point.dist else "?"
        found.setdefault(point.name, Entry(point.value, f"from the distribution {dist}"))
    return found


def resolve(name: str) -> str:
    """The model's own name for ``name``, which may be an alias.  Raises UserError if no model is called so."""
    known = entries()
    aliases = {alias: model for model, entry in known.items() for alias in entry.aliases}
    if name not in known and name not in aliases:
        raise unknown("model", name, [*known, *aliases], "replay models")
    return aliases.get(name, name)


def load(name: str) -> Model:
    """The model called ``name`` or known by that alias.  Raises UserError."""
    name = resolve(name)
    module, _, attribute = entries()[name].place.partition(":")
    try:
        model: Model = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise UserError(f"model {name} does not load from {module}:{attribute} ({error}); reinstall it") from None
    return model
