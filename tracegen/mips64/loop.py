"""The MIPS64 loop as text: what ``tracegen.generate`` puts around the op tables."""

from __future__ import annotations

from tracegen.cpu import float_ops
from tracegen.generate import Template
from tracegen.mips64.microops import (
    A_SHIFT,
    ARRIVAL_MASK,
    ARRIVAL_SHIFT,
    B_SHIFT,
    CLASSES,
    D_SHIFT,
    EXTRA_MASK,
    EXTRA_SHIFT,
    OFFSET_BITS,
    OFFSET_SHIFT,
    OPERATIONS,
    RETIRED_BITS,
    RETIRED_SHIFT,
    SLOT_SHIFT,
)

CONSTANTS = """\
import numpy as np

from replay.jit import kernel
from tracegen.cpu import state as S
from tracegen.mips64 import microops

HI = np.uint64(microops.HI)
ROUNDING = np.uint64(microops.ROUNDING)
M32, ONE, TWO, THREE, FOUR, SIX, SEVEN = (np.uint64(n) for n in (32, 1, 2, 3, 4, 6, 7))
U10, U11, U12, U16, U18, U28, BYTE, OFFSET = (np.uint64(n) for n in (10, 11, 12, 16, 18, 28, 0xFF, 0xFFF))
PAGE, PAGE_AND_WORD = np.uint64(0xFFFFFFFFFFFFF000), np.uint64(0xFFFFFFFFFFFFF003)
PAGE_BITS, HIGH = np.uint64(0xFFFFF000), np.uint64(0xFFFFFFFF00000000)
REGION = np.uint64(0xFFFFFFFFF0000000)
READS_MASK, CODE_MASK = np.uint64(2 * S.DATA_SLOTS - 2), np.uint64(2 * S.CODE_SLOTS - 2)
WRITES, FETCHES = np.uint64(S.WRITES), np.uint64(S.FETCHES)
STAY = np.uint64(7)
LOWER, ROWS_FULL = np.uint64(S.Stop.LOWER), np.uint64(S.Stop.ROWS_FULL)
ON, FAULT, REDIRECT, STOP = range(4)
"""

LOOP_IMPORTS = (
    float_ops.IMPORTS
    + """\
from tracegen.mips64.access import store
from tracegen.mips64.exceptions import attend, take
from tracegen.mips64.floats import again, change, is_usable, truncated, unusable
from tracegen.mips64.translation import fetch_value, load_value
from tracegen.mips64.ops.arithmetic import (
    LOW32, M31, M63, ZERO, mulh, mulhu, quotient, remainder, sext32, signed_quotient, signed_remainder, slt, sltu, sra,
)
from {RARE} import rare
"""
)

RARE_IMPORTS = """\
from tracegen.mips64.access import (
    LDL, LDR, LOAD4, LOAD8, LWL, LWR, SDL, SDR, STORE4, STORE8, SWL, SWR,
    load_linked, load_part, store_conditional, store_part,
)
from tracegen.mips64.announce import announce
from tracegen.mips64.cp0 import (
    NARROW, RESERVED, TLBWI, TLBWR, WIDE, cache, exception_return, move_from, move_to, tlb_probe, tlb_read, tlb_write,
    unusable, usable, wait,
)
from tracegen.mips64.exceptions import (
    ADD_TRAP, ADDW_TRAP, SUB_TRAP, SUBW_TRAP, checked, enter_slot, leave_slot, raise_exception, raise_if,
)
from tracegen.mips64.floats import convert, read_control, write_control
from tracegen.mips64.ops.arithmetic import ZERO, sext32
"""

START = """\
@kernel
def turn(core, views):
    s, r, tags, entries, ops, imms = core.s, core.r, core.tags, core.entries, views.ops, views.imms
    count, limit, pc, arrive, context = s[S.COUNT], s[S.LIMIT], s[S.PC], s[S.ARRIVE], s[S.CONTEXT]
T   rows, counts = core.rows, core.counts
T   position, last, mode, row_limit = s[S.POSITION], s[S.LAST], s[S.MODE] << U12 | s[S.VCPU_BITS], s[S.ROW_LIMIT]
    while True:
        slot = s[S.SLOT]
        s[S.COUNT], s[S.PC], s[S.ARRIVE] = count, pc, arrive
T       s[S.POSITION], s[S.LAST] = position, last
        if count >= limit and slot == ZERO:
            leave = attend(core)
            if leave == STOP:
                return
            limit = s[S.LIMIT]
            if leave == REDIRECT:
                $RELOAD
                continue
T       if position >= row_limit:
T           s[S.STATUS_CODE] = ROWS_FULL
T           return
        at = pc >> U11 & CODE_MASK
        value = tags[FETCHES + at + ONE]
        if tags[FETCHES + at] != ((pc & PAGE_AND_WORD) | context):
            value = fetch_value(core, pc)
T           position = s[S.POSITION]
            if value == ZERO:
                leave = take(core, pc - slot * FOUR, slot)
                $RELOAD
                if leave == STOP:
                    return
                continue
        page = pc & PAGE
        base = (value & PAGE_BITS) >> TWO
        if slot == ZERO:
            ip = np.uint64(entries[base | (pc & OFFSET) >> TWO])
        else:
            ip = core.frames[base >> U10 << TWO | THREE]
        if ip == ZERO:
            s[S.STATUS_CODE], s[S.LOWER_AT] = LOWER, (value & PAGE_BITS) | (pc & OFFSET)
T           s[S.POSITION] = position
            return
T       code_page = value & HIGH
T       if arrive != STAY:
T           rows[position] = mode | (pc & OFFSET) << U16 | arrive << U28 | code_page
T           counts[position] = np.uint8(count - last)
T           last = count
T           position += ONE
        leave = ON
        while True:
            u = ops[ip]
            imm = imms[ip]
            op = u & BYTE
"""

CLASS_START = {
    "alu": """\
x = r[u >> {A} & BYTE]
y = r[u >> {B} & BYTE] + imm
d = u >> {D} & BYTE
""",
    "load": """\
va = r[u >> {A} & BYTE] + imm
aligned = u >> {EXTRA} & {EXTRA_MASK}
at = va >> U11 & READS_MASK
value = tags[at + ONE]
if tags[at] != ((va & (PAGE | aligned)) | context):
    s[S.COUNT] = count + (u >> {RETIRED} & {RETIRED_MASK})
T   s[S.POSITION] = position
    value = load_value(core, va, aligned)
T   position = s[S.POSITION]
    if value == ZERO:
        leave = FAULT
        break
p = (value & PAGE_BITS) | (va & OFFSET)
Trows[position] = (u >> {B} & BYTE) | mode | (va & OFFSET) << U16 | (value & HIGH)
Tposition += ONE
""",
    "store": """\
va = r[u >> {A} & BYTE] + imm
w = r[u >> {D} & BYTE]
aligned = u >> {EXTRA} & {EXTRA_MASK}
at = va >> U11 & READS_MASK
value = tags[WRITES + at + ONE]
if tags[WRITES + at] != ((va & (PAGE | aligned)) | context):
    s[S.COUNT] = count + (u >> {RETIRED} & {RETIRED_MASK})
T   s[S.POSITION], s[S.LAST] = position, last
    leave = store(core, va, aligned, u >> {B} & BYTE, w)
T   position = s[S.POSITION]
    limit = s[S.LIMIT]
    if leave != ON:
        break
    ip += ONE
    continue
p = (value & PAGE_BITS) | (va & OFFSET)
Trows[position] = (u >> {B} & BYTE) | mode | (va & OFFSET) << U16 | (value & HIGH)
Tposition += ONE
""",
    "branch": """\
x = r[u >> {A} & BYTE]
y = r[u >> {B} & BYTE]
""",
    "line": "",
    **float_ops.START,
    "usable": "",
}

CLASS_VALUE = {
    "double": "zd",
    "single": "zs",
    "alu": "v",
    "load": "v",
    "branch": "taken",
    "partial": "leave",
    "system": "leave",
    "privileged": "leave",
}
"""Class -> the variable that takes its table's text; a store's text is a statement."""

CLASS_END = {
    "alu": "r[d] = v\nip += ONE\n",
    "load": "r[u >> {D} & BYTE] = v\nip += ONE\n",
    "store": "ip += ONE\n",
    "branch": """\
if taken:
    count += u >> {RETIRED} & {RETIRED_MASK}
    arrive = u >> {ARRIVAL} & {ARRIVAL_MASK}
    style = u >> {EXTRA} & {EXTRA_MASK}
    if style == 0:
        pc = page + imm
N       if count < limit:
T       if count < limit and position < row_limit:
            target = np.uint64(entries[base + (imm >> TWO)])
            if target != ZERO:
                ip = target
T               rows[position] = mode | imm << U16 | arrive << U28 | code_page
T               counts[position] = np.uint8(count - last)
T               last = count
T               position += ONE
                continue
    elif style == 1:
        pc = page + imm
    elif style == 2:
        pc = ((page + ((u >> {OFFSET} & {OFFSET_MASK}) << TWO) + FOUR) & REGION) | imm
    else:
        pc = r[u >> {D} & BYTE]
    break
ip += ONE
""",
    "line": """\
Trows[position] = mode | (u >> {OFFSET} & {OFFSET_MASK}) << U18 | code_page
Tfresh = count + (u >> {RETIRED} & {RETIRED_MASK}) - last
Tcounts[position] = np.uint8(fresh)
Tlast += fresh
Tposition += ONE
ip += ONE
""",
    **float_ops.END,
    "usable": """\
if not is_usable(s):
    leave = unusable(core)
    break
ip += ONE
""",
}

FRAGMENTS = {
    "$RELOAD": """\
count, limit, pc, arrive, context = s[S.COUNT], s[S.LIMIT], s[S.PC], s[S.ARRIVE], s[S.CONTEXT]
Tposition, last, mode = s[S.POSITION], s[S.LAST], s[S.MODE] << U12 | s[S.VCPU_BITS]
""",
}
"""Text that several places share."""

RARE = """\
            else:  # rare
                s[S.COUNT] = count + (u >> {RETIRED} & {RETIRED_MASK})
                s[S.PC] = page + ((u >> {OFFSET} & {OFFSET_MASK}) << TWO)
T               s[S.POSITION], s[S.LAST] = position, last
                leave = rare(core, op, u >> {D} & BYTE, u >> {A} & BYTE, u >> {B} & BYTE, imm, page)
                limit, context = s[S.LIMIT], s[S.CONTEXT]
T               position, last, mode = s[S.POSITION], s[S.LAST], s[S.MODE] << U12 | s[S.VCPU_BITS]
                if leave != ON:
                    break
                ip += ONE
"""

RARE_HEAD = """

@kernel
def rare(core, op, d, a, b, imm, page):
    r = core.r
"""

RARE_START = {
    "partial": "va = r[a] + imm\n",
    "system": "",
    "privileged": "if not usable(core.s):\n    return unusable(core)\n",
}
"""Class of rare operations -> what comes before its tests."""

END = """\
        if leave == FAULT:
            u = ops[ip]
            slot = u >> {SLOT} & ONE
            s[S.COUNT] = count + (u >> {RETIRED} & {RETIRED_MASK})
T           s[S.POSITION], s[S.LAST] = position, last
            leave = take(core, page + ((u >> {OFFSET} & {OFFSET_MASK}) << TWO) - slot * FOUR, slot)
        if leave != ON:
            $RELOAD
            if leave == STOP:
                return
"""

FIELDS = {
    "A": A_SHIFT,
    "B": B_SHIFT,
    "D": D_SHIFT,
    "EXTRA": EXTRA_SHIFT,
    "EXTRA_MASK": EXTRA_MASK,
    "ARRIVAL": ARRIVAL_SHIFT,
    "ARRIVAL_MASK": ARRIVAL_MASK,
    "OFFSET": OFFSET_SHIFT,
    "OFFSET_MASK": (1 << OFFSET_BITS) - 1,
    "RETIRED": RETIRED_SHIFT,
    "RETIRED_MASK": (1 << RETIRED_BITS) - 1,
    "SLOT": SLOT_SHIFT,
}

TEMPLATE = Template(
    classes=CLASSES,
    operations=OPERATIONS,
    fields=FIELDS,
    fragments=FRAGMENTS,
    class_value=CLASS_VALUE,
    start=CONSTANTS + LOOP_IMPORTS + "\n\n" + START,
    class_start=CLASS_START,
    class_end=CLASS_END,
    end=RARE + END,
    rare_start=CONSTANTS + RARE_IMPORTS + RARE_HEAD,
    rare_class_start=RARE_START,
)
