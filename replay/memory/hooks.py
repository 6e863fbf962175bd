"""What the kernel and the models ask of memory; which memory it is, its type decides when the kernel is compiled.

``Flat`` memory is that of a machine whose caches are not simulated: nothing here costs anything, and a reference costs
what the price set says for the class of its service.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from replay.jit import inline, types_by_hook

NOTHING = np.uint64(0)
"""What ``refer`` returns of a reference that moved no page."""


class Flat(NamedTuple):
    """Memory without caches."""

    caches: np.uint64


def refer(memory: Any, at: Any, reference: Any) -> Any:
    """A translated reference of the guest; returns one more than the frame whose pages have to be mapped anew, or 0."""
    raise TypeError(f"compiled code only: {memory} {at} {reference}")


def follow(memory: Any, at: Any, row: Any) -> Any:
    """An event of the guest, which may change where its pages lie."""
    raise TypeError(f"compiled code only: {memory} {at} {row}")


def read_table(memory: Any, at: Any, page: Any, level: Any) -> Any:
    """A hardware walker reads the entry on the way to ``page`` in the guest's table of ``level``."""
    raise TypeError(f"compiled code only: {memory} {at} {page} {level}")


def read_shadow(memory: Any, at: Any, page: Any, level: Any) -> Any:
    """A hardware walker reads the entry on the way to ``page`` in the monitor's shadow of the table of ``level``."""
    raise TypeError(f"compiled code only: {memory} {at} {page} {level}")


def read_nested(memory: Any, at: Any, frame: Any, level: Any) -> Any:
    """A hardware walker reads the entry on the way to ``frame`` in the monitor's nested table of ``level``."""
    raise TypeError(f"compiled code only: {memory} {at} {frame} {level}")


def run_handler(memory: Any, at: Any, code: Any, lines: Any, page: Any) -> Any:
    """A refill handler of the guest runs: ``lines`` of the page ``code``, then loads the entries of ``page``.

    ``code`` 0: where it lies is not known.  ``page`` 0: it loads none.
    """
    raise TypeError(f"compiled code only: {memory} {at} {code} {lines} {page}")


def read_monitor(memory: Any, at: Any, table: Any, offset: Any) -> Any:
    """The monitor reads what is ``offset`` bytes into its structure ``table``."""
    raise TypeError(f"compiled code only: {memory} {at} {table} {offset}")


def give_back(memory: Any, at: Any, frame: Any) -> Any:
    """The monitor takes the machine page of ``frame`` away: its next one is placed anew."""
    raise TypeError(f"compiled code only: {memory} {at} {frame}")


HOOKS: dict[str, dict[type, Callable[..., Any]]] = {}
for _stub in (refer, follow, read_table, read_shadow, read_nested, run_handler, read_monitor, give_back):
    types_by_hook(_stub, HOOKS.setdefault(_stub.__name__, {}))


def bind(memory: type, **hooks: Callable[..., Any]) -> None:
    """Bind a type of memory to what it does, by the hook's name."""
    for name, function in hooks.items():
        HOOKS[name][memory] = function


@inline
def _refer_flat(_memory, _at, _reference):
    return NOTHING


@inline
def _two(_memory, _at, _what):
    pass


@inline
def _three(_memory, _at, _what, _where):
    pass


@inline
def _four(_memory, _at, _code, _lines, _page):
    pass


bind(
    Flat,
    refer=_refer_flat,
    follow=_two,
    read_table=_three,
    read_shadow=_three,
    read_nested=_three,
    run_handler=_four,
    read_monitor=_three,
    give_back=_two,
)
