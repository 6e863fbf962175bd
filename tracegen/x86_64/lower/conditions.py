"""Conditions: which micro-op tells one, given what set the flags last."""

from __future__ import annotations

from typing import NamedTuple

from tracegen.x86_64.lower.code import Code
from tracegen.x86_64.microops import NARROW_SHIFT
from tracegen.x86_64.places import FLAG_A, FLAG_B, FLAG_RESULT, ZERO

CODES = {name: code for code, name in enumerate("o no b ae e ne be a s ns p np l ge le g".split())}
"""capstone's suffix of each condition -> its code in the opcode."""

BY_ZERO = {"e": "E", "ne": "NE", "s": "L", "ns": "GE"}
"""Conditions that compare any result with 0."""
AFTER_LOGIC = BY_ZERO | {"l": "L", "ge": "GE", "le": "LE", "g": "G", "be": "E", "a": "NE"}
AFTER_SUBTRACTION = {name: name.upper() for name in ("b", "ae", "e", "ne", "be", "a", "l", "ge", "le", "g")}
AFTER_ORDER = {name: name.upper() for name in ("b", "ae", "be", "a")}


class Test(NamedTuple):
    """A comparison of the register ``place`` with the one after it."""

    name: str
    place: int


def test_of(condition: str, known: str) -> Test | None:
    """How to tell a condition from what is kept of the flags; None for the general way."""
    if known == "subtraction" and condition in AFTER_SUBTRACTION:
        return Test(AFTER_SUBTRACTION[condition], FLAG_A)
    if known == "order" and condition in AFTER_ORDER:
        return Test(AFTER_ORDER[condition], FLAG_B)
    by_result = {"logic": AFTER_LOGIC, "result": BY_ZERO, "subtraction": BY_ZERO}.get(known, {})
    name = by_result.get(condition)
    return Test(name, FLAG_RESULT) if name else None


def emit_condition(code: Code, op: str, condition: str, known: str, d: int, a: int, imm: int) -> None:
    """The SET or CMOV of a condition."""
    test = test_of(condition, known)
    if test:
        code.emit(op + test.name, d, a, test.place, imm)
    elif op == "SET":
        code.emit("SET_ANY", d, a, ZERO, CODES[condition])
    else:
        code.emit("CMOV_ANY", d, a, ZERO, imm, CODES[condition] << NARROW_SHIFT)
