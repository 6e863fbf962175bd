"""Branch conditions.  ``x`` is register a, ``y`` register b; the target is the page's address plus the immediate.

The delay slot's micro-ops come before the branch's own, so a branch ends its two instructions.
"""

from __future__ import annotations

NEAR, FAR, REGION, REGISTER = range(4)
"""Style, where the target is: in this page; page-relative; in this 256 MiB region; in register d."""

TABLE = {
    "BEQ": "x == y",
    "BNE": "x != y",
    "BLEZ": "np.int64(x) <= 0",
    "BGTZ": "np.int64(x) > 0",
    "BLTZ": "np.int64(x) < 0",
    "BGEZ": "np.int64(x) >= 0",
    "JUMP": "True",
}
"""Whether the branch is taken."""

LINE = {"LINE": "fetch row"}
"""Fetching enters another line (recording loop only; lowered in front of the line's first instruction)."""
