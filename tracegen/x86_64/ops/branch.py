"""Branches.  The low half of the immediate is the target, in bytes from the page's start.

A comparison or a test that a conditional jump follows is one micro-op with it.  There the high half is added to
register b, and the result's flags are kept.
"""

from __future__ import annotations

from tracegen.x86_64.ops.conditions import CONDITIONS

NEAR, FAR, REGISTER = range(3)
"""Style, where the target is: in this page; page-relative; in register d."""

COMPARE = {f"CMP_J{name}": text for name, text in CONDITIONS.items()}
"""p and q are the operands, sign-extended."""

TEST = {f"TEST_J{name}": CONDITIONS[name] for name in ("E", "NE", "L", "GE", "LE", "G")}
"""p is the conjunction of the operands, sign-extended, and q is 0."""

TABLE = {
    **{f"J{name}": text for name, text in CONDITIONS.items()},
    "J_ANY": "condition(r, imm >> M32) != ZERO",
    "JUMP": "True",
}
"""p and q are registers a and b.  J_ANY asks for the condition whose code is the immediate's high half."""

LINE = {"LINE": "fetch row"}
"""Fetching enters another line (recording loop only; lowered in front of the instruction)."""
