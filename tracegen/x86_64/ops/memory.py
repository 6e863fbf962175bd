"""Loads and stores.  The address is register a + (register b << scale) + displacement.

``p`` is the physical address, ``w`` the value that a store writes: register d plus the immediate's high half; a
store's displacement is the low half.
"""

from __future__ import annotations

LOADS: dict[str, str | tuple[str, str]] = {
    "LD8": "load8(ram, p)",
    "LD4": "load4(ram, p)",
    "LD1": "load1(ram, p)",
    "LD2": "load2(ram, p)",
    "LD4S": "sext32(load4(ram, p))",
    "LD1S": "sext(load1(ram, p), U56)",
    "LD2S": "sext(load2(ram, p), U48)",
    "POP": ("r[RSP] = va + EIGHT", "load8(ram, p)"),
}
"""The value that goes to register d; S extends the sign."""

STORES: dict[str, str | tuple[str, str]] = {
    "ST8": "store8(ram, p, w)",
    "ST4": "store4(ram, p, w)",
    "ST1": "store1(ram, p, w)",
    "ST2": "store2(ram, p, w)",
    "PUSH": ("r[RSP] = va", "store8(ram, p, w)"),
}

MODIFY = {
    "MOD8": "load8(ram, p)",
    "MOD4": "load4(ram, p)",
    "MOD1": "load1(ram, p)",
    "MOD2": "load2(ram, p)",
}
"""Loads of what the same instruction will store: nothing happens unless that is permitted."""
