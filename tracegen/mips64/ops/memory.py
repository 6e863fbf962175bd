"""Loads, stores and the accesses that touch part of a word.

``p`` is the physical address (big-endian memory is held as native 64-bit words, so narrower places are found by
flipping the low address bits); ``w`` is the value that a store writes.
"""

from __future__ import annotations

LOADS = {
    "LD": "core.ram8[p >> THREE]",
    "LW": "np.uint64(np.int64(np.int32(views.ram4[(p ^ FOUR) >> TWO])))",
    "LWM": "(r[u >> {D} & BYTE] & HIGH) | np.uint64(views.ram4[(p ^ FOUR) >> TWO])",
    "LWU": "np.uint64(views.ram4[(p ^ FOUR) >> TWO])",
    "LBU": "np.uint64(views.ram1[p ^ SEVEN])",
    "LB": "np.uint64(np.int64(np.int8(views.ram1[p ^ SEVEN])))",
    "LHU": "np.uint64(views.ram2[(p ^ SIX) >> ONE])",
    "LH": "np.uint64(np.int64(np.int16(views.ram2[(p ^ SIX) >> ONE])))",
}
"""The value that goes to register d; LWM leaves its high half alone."""

STORES = {
    "SD": "core.ram8[p >> THREE] = w",
    "SW": "views.ram4[(p ^ FOUR) >> TWO] = np.uint32(w)",
    "SB": "views.ram1[p ^ SEVEN] = np.uint8(w)",
    "SH": "views.ram2[(p ^ SIX) >> ONE] = np.uint16(w)",
}

PARTIAL = {
    "LWL": "load_part(core, LWL, va, r[d], d)",
    "LWR": "load_part(core, LWR, va, r[d], d)",
    "LDL": "load_part(core, LDL, va, r[d], d)",
    "LDR": "load_part(core, LDR, va, r[d], d)",
    "SWL": "store_part(core, SWL, va, r[b])",
    "SWR": "store_part(core, SWR, va, r[b])",
    "SDL": "store_part(core, SDL, va, r[b])",
    "SDR": "store_part(core, SDR, va, r[b])",
    "LL": "load_linked(core, LOAD4, va, d)",
    "LLD": "load_linked(core, LOAD8, va, d)",
    "SC": "store_conditional(core, STORE4, va, d, r[b])",
    "SCD": "store_conditional(core, STORE8, va, d, r[b])",
}
"""Calls of ``tracegen.mips64.access`` that give a Leave."""
