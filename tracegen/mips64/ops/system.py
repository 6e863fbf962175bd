"""Everything rare: traps, line crossings, coprocessor 0.  Each gives a Leave: go on, fault, redirected or stop."""

from __future__ import annotations

TABLE = {
    "RAISE": "raise_exception(core, imm, b)",
    "ANNOUNCE": "announce(core, imm)",
    "ADD_TRAP": "checked(core, ADD_TRAP, r[a], r[b] + imm, d)",
    "ADDW_TRAP": "checked(core, ADDW_TRAP, r[a], r[b] + imm, d)",
    "SUB_TRAP": "checked(core, SUB_TRAP, r[a], r[b], d)",
    "SUBW_TRAP": "checked(core, SUBW_TRAP, r[a], r[b], d)",
    "TEQ": "raise_if(core, r[a] == r[b] + imm)",
    "TNE": "raise_if(core, r[a] != r[b] + imm)",
    "TGE": "raise_if(core, np.int64(r[a]) >= np.int64(r[b] + imm))",
    "TGEU": "raise_if(core, r[a] >= r[b] + imm)",
    "TLT": "raise_if(core, np.int64(r[a]) < np.int64(r[b] + imm))",
    "TLTU": "raise_if(core, r[a] < r[b] + imm)",
    "SLOT_ON_NEXT_PAGE": "enter_slot(core, page)",
    "LEAVE_SLOT": "leave_slot(core)",
}
"""Unprivileged."""

PRIVILEGED = {
    "MFC0": "move_from(core, b, d, NARROW)",
    "DMFC0": "move_from(core, b, d, WIDE)",
    "MTC0": "move_to(core, b, sext32(r[a]))",
    "DMTC0": "move_to(core, b, r[a])",
    "TLBR": "tlb_read(core)",
    "TLBWI": "tlb_write(core, TLBWI)",
    "TLBWR": "tlb_write(core, TLBWR)",
    "TLBP": "tlb_probe(core)",
    "ERET": "exception_return(core)",
    "WAIT": "wait(core)",
    "CACHE": "cache(core)",
    "RESERVED_MOVE": "raise_exception(core, RESERVED, ZERO)",
}
"""Coprocessor 0: outside kernel mode they raise Coprocessor Unusable unless Status.CU0 is set."""
