"""Floating-point numbers in registers: bits as numbers and back, square roots, comparison.

A single lies in the low half of its register; what is above is left alone by whoever reads one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from replay.jit import inline, intrinsic, types

U32, U64, F32, F64 = "uint32", "uint64", "float32", "float64"


def _reinterpret(source: str, through: str, target: str, result: str) -> Callable[..., Any]:
    """A conversion that keeps bits: source, truncated to ``through``, seen as ``target``, extended to ``result``."""

    def convert(typing: Any, value: Any) -> Any:  # noqa: ARG001 - numba matches their names
        def code(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
            place = {name: context.get_value_type(getattr(types, name)) for name in (through, target, result)}
            found = builder.trunc(values[0], place[through]) if through != source else values[0]
            found = builder.bitcast(found, place[target])
            return builder.zext(found, place[result]) if result != target else found

        return getattr(types, result)(getattr(types, source)), code

    return convert


def _root(of: str) -> Callable[..., Any]:
    def root(typing: Any, value: Any) -> Any:  # noqa: ARG001 - as above
        def code(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
            place = context.get_value_type(getattr(types, of))
            return builder.call(builder.module.declare_intrinsic("llvm.sqrt", [place]), values)

        return getattr(types, of)(getattr(types, of)), code

    return root


double: Any = intrinsic(_reinterpret(U64, U64, F64, F64))
single: Any = intrinsic(_reinterpret(U64, U32, F32, F32))
"""A register's content as a number."""

bits: Any = intrinsic(_reinterpret(F64, F64, U64, U64))
bits_of_single: Any = intrinsic(_reinterpret(F32, F32, U32, U64))
"""A number as a register's content, zero-extended."""

root: Any = intrinsic(_root(F64))
root_of_single: Any = intrinsic(_root(F32))
"""Square roots, rounded to nearest."""

UNORDERED, EQUAL, LESS, GREATER = (np.uint64(n) for n in (1, 2, 4, 8))


@inline
def holds(x, y, relations):
    """1 if one of the ``relations`` of two numbers is theirs, else 0."""
    if x < y:
        found = LESS
    elif x == y:
        found = EQUAL
    elif x > y:
        found = GREATER
    else:
        found = UNORDERED
    return np.uint64(found & relations != np.uint64(0))
