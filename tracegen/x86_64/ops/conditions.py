"""Conditions of two 64-bit values p and q, under the names that x86 has for them after a comparison."""

from __future__ import annotations

CONDITIONS = {
    "B": "p < q",
    "AE": "p >= q",
    "E": "p == q",
    "NE": "p != q",
    "BE": "p <= q",
    "A": "p > q",
    "L": "np.int64(p) < np.int64(q)",
    "GE": "np.int64(p) >= np.int64(q)",
    "LE": "np.int64(p) <= np.int64(q)",
    "G": "np.int64(p) > np.int64(q)",
}
