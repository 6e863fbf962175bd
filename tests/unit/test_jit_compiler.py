"""Small functions are compiled once, as parts of the kernels that call them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
from numba import typeof
from numba.core.errors import TypingError

from replay.jit import Held, by_reference, helper, inline, kernel, types


class Sums(NamedTuple):
    """Totals."""

    even: np.ndarray
    odd: np.ndarray


@inline
def _is_odd(value: Any) -> Any:
    return value % 2 == 1


@helper
def _add(sums: Any, value: Any) -> Any:
    if _is_odd(value):
        sums.odd[0] += value
    else:
        sums.even[0] += value


@kernel
def _sum(sums: Any, values: Any) -> Any:
    for value in values:
        _add(sums, value)


@kernel
def _sum_odd(sums: Any, values: Any) -> Any:
    for value in values:
        if _is_odd(value):
            _add(sums, value)


def test_kernels_share_a_part() -> None:
    """Two kernels of one process that call the same helper both hold it."""
    sums = Sums(np.zeros(1, np.int64), np.zeros(1, np.int64))
    _sum(sums, np.arange(5))
    _sum_odd(sums, np.arange(6))

    assert (6, 4 + 9) == (sums.even[0], sums.odd[0])


def test_a_part_is_no_machine_code_of_its_own() -> None:
    """What only compiled code calls is neither optimised nor made into machine code before a kernel holds it."""
    signature = typeof(Sums(np.zeros(1, np.int64), np.zeros(1, np.int64))), types.int64
    _add.compile(signature)
    part = _add.overloads[signature]

    assert "alloca" in part.library.get_llvm_str()
    assert 0 == part.library.get_pointer_to_function(part.fndesc.llvm_func_name)


class Inner(NamedTuple):
    """A state within a state."""

    first: np.ndarray
    grid: np.ndarray
    factor: np.uint64


@by_reference
class Outer(NamedTuple):
    """A state."""

    total: np.ndarray
    inner: Inner


@helper
def _sum_up(inner: Any, total: Any) -> Any:
    for row in range(inner.grid.shape[0]):
        for column in range(inner.grid.shape[1]):
            total[0] += inner.grid[row, column] * inner.factor + inner.first[row]


@kernel
def _sum_grid(outer: Any) -> Any:
    _sum_up(outer.inner, outer.total)


@kernel
def _read_nothing(outer: Any) -> Any:
    return outer.lacking


def test_a_state_by_reference_reads_as_one_by_value() -> None:
    """Scalars, arrays of any shape and layout, and states within are what the named tuple holds."""
    for grid in (np.arange(6, dtype=np.uint64).reshape(2, 3), np.arange(12, dtype=np.uint64).reshape(3, 4)[::2, 1:].T):
        outer = Outer(np.zeros(1, np.uint64), Inner(np.array([5, 7, 11], np.uint64), grid, np.uint64(3)))
        _sum_grid(outer)

        assert int((grid * 3 + outer.inner.first[: grid.shape[0], None]).sum()) == outer.total[0]


def test_a_field_that_a_state_lacks_does_not_compile() -> None:
    """Reading what is no field of the state is an error that names it."""
    outer = Outer(np.zeros(1, np.uint64), Inner(np.zeros(3, np.uint64), np.zeros((1, 1), np.uint64), np.uint64(3)))

    with pytest.raises(TypingError, match="lacking"):
        _read_nothing(outer)


def test_a_held_state_is_the_state() -> None:
    """A kernel that is handed a state held for many calls reads and writes that state's arrays each time."""
    inner = Inner(np.zeros(3, np.uint64), np.arange(6, dtype=np.uint64).reshape(2, 3), np.uint64(3))
    outer = Outer(np.zeros(1, np.uint64), inner)
    held = Held(outer)
    _sum_grid(held)
    inner.grid[0, 0] = 100
    _sum_grid(held)

    assert 3 * 15 + 3 * 115 == outer.total[0]


class Numbers(NamedTuple):
    """A state of numbers of all widths."""

    wide: np.int64
    narrow: np.int8
    real: np.float64
    yes: np.bool_
    array: np.ndarray


by_reference(Numbers)


@kernel
def _read_numbers(numbers: Any, found: Any, last: Any) -> Any:
    found[0], found[1], found[2] = numbers.wide, numbers.narrow, numbers.real * 2
    found[3] = 7 if numbers.yes else 8
    found[4] = numbers.array[last]


def test_numbers_of_a_state_keep_sign_and_width() -> None:
    """Negative, narrow, fractional and truth values read as they are, and an index below 0 counts from the end."""
    found = np.zeros(5, np.int64)
    _read_numbers(Numbers(np.int64(-5), np.int8(-6), np.float64(1.5), np.bool_(True), np.arange(4)), found, -1)

    assert [-5, -6, 3, 7, 3] == found.tolist()


def test_a_state_holds_nothing_else() -> None:
    """What is neither number, array nor state cannot be handed to a kernel within one."""
    with pytest.raises(TypeError, match="numbers, arrays and states"):
        Held(Outer(np.zeros(1, np.uint64), "inner"))  # type: ignore[arg-type]
