"""Splits: which references the first-level TLB of a model lacks, and what is done beyond it, as hooks of their own.

``replay.behind`` counts over what was noted to be lacking, where what lies behind leaves the first level alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from replay.jit import inline, types_by_hook
from replay.kernel import NOW_SHIFT, bind


def lacks(state: Any, at: Any, reference: Any) -> Any:
    """Hook: whether the first-level TLB lacks ``reference``, or a fault cut it off; what it holds is used."""
    raise TypeError(f"compiled code only: {state} {at} {reference}")


def beyond(state: Any, at: Any, reference: Any) -> Any:
    """Hook: what is done about a ``reference`` that the first-level TLB lacks."""
    raise TypeError(f"compiled code only: {state} {at} {reference}")


_lacks: dict[type, Callable[..., Any]] = {}
_beyond: dict[type, Callable[..., Any]] = {}
types_by_hook(lacks, _lacks)
types_by_hook(beyond, _beyond)


class Split(NamedTuple):
    """A model's state in two more guises, and what it takes for them to do."""

    noting: type
    """The state with one field more, ``noted`` (u8 by row): set where the first level lacks what the row refers to."""
    behind: type
    """The state to count over what was noted."""
    parameters: tuple[str, ...]
    """Prefixes of the parameters that lie behind the first level."""
    holds: Callable[[Mapping[str, Any]], bool]
    """Settings -> whether what lies behind leaves the first level alone."""


def split(
    state: type,
    *,
    lacks: Callable[..., Any],
    beyond: Callable[..., Any],
    event: Callable[..., Any],
    parameters: tuple[str, ...],
    holds: Callable[[Mapping[str, Any]], bool] = lambda _: True,
) -> Split:
    """The guises of ``state``; the module that defines it has to call them ``Noting`` and ``Behind``.

    Compiled code is found again by these names.
    """
    fields = state._fields  # type: ignore[attr-defined]
    noting, behind = _tuple("Noting", state, (*fields, "noted")), _tuple("Behind", state, fields)
    _lacks[noting], _beyond[noting] = lacks, beyond
    bind(noting, access=_note, event=event)
    bind(behind, access=beyond, event=event)
    return Split(noting, behind, parameters, holds)


def _tuple(name: str, state: type, fields: tuple[str, ...]) -> type:
    made = NamedTuple(name, [(field, Any) for field in fields])  # type: ignore[misc]
    made.__module__ = state.__module__
    return made


@inline
def _note(m, at, ref):
    """As the model does, and the row is noted."""
    if lacks(m, at, ref):
        m.noted[at.now >> NOW_SHIFT] = 1
        beyond(m, at, ref)
