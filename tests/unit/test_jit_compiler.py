"""Small functions are compiled once, as parts of the kernels that call them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from replay.jit import helper, inline, kernel


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
    _sum(Sums(np.zeros(1, np.int64), np.zeros(1, np.int64)), np.arange(5))
    [signature] = _add.signatures
    part = _add.overloads[signature]

    assert "linkonce_odr" in part.library.get_llvm_str()
    assert 0 == part.library.get_pointer_to_function(part.fndesc.llvm_func_name)
