"""The x86-64 loop as text: what ``tracegen.generate`` puts around the op tables."""

from __future__ import annotations

from tracegen.cpu import float_ops
from tracegen.generate import Template
from tracegen.x86_64.microops import (
    A_SHIFT,
    ARRIVAL_MASK,
    ARRIVAL_SHIFT,
    B_SHIFT,
    CLASSES,
    D_SHIFT,
    KIND_SHIFT,
    LENGTH_SHIFT,
    NARROW_SHIFT,
    OFFSET_BITS,
    OFFSET_SHIFT,
    OPERATIONS,
    RETIRED_BITS,
    RETIRED_SHIFT,
    SCALE_SHIFT,
    SPAN_SHIFT,
    STYLE_SHIFT,
)

CONSTANTS = """\
import numpy as np

from replay.jit import kernel
from tracegen.cpu.arithmetic import LOW32, M31, M63, ONE, ZERO, mulh, mulhu, sext32, sra
from tracegen.cpu.memory import load1, load2, load4, load8, store1, store2, store4, store8
from tracegen.x86_64 import places
from tracegen.x86_64 import state as S

M15, TWO, THREE, SEVEN, EIGHT = (np.uint64(n) for n in (15, 2, 3, 7, 8))
BYTE, HIGH_BYTE, LOW16, OFFSET = (np.uint64(n) for n in (0xFF, 0xFF00, 0xFFFF, 0xFFF))
U11, U12, U16, U28, U32, U48, U56 = (np.uint64(n) for n in (11, 12, 16, 28, 32, 48, 56))
M32 = U32
RAX, RDX, RSP = np.uint64(places.RAX), np.uint64(places.RDX), np.uint64(places.RSP)
PAGE_AT, SLOW_VALUE = np.uint64(places.PAGE), np.uint64(places.SLOW_VALUE)
ROUNDING = np.uint64(places.ROUNDING)
PAGE, PAGE_BITS, HIGH = (np.uint64(n) for n in (0xFFFFFFFFFFFFF000, 0xFFFFF000, 0xFFFFFFFF00000000))
READS_MASK, CODE_MASK = np.uint64(2 * S.DATA_SLOTS - 2), np.uint64(2 * S.CODE_SLOTS - 2)
WRITES, FETCHES = np.uint64(S.WRITES), np.uint64(S.FETCHES)
STAY = np.uint64(7)
LOWER, ROWS_FULL = np.uint64(S.Stop.LOWER), np.uint64(S.Stop.ROWS_FULL)
ON, FAULT, REDIRECT, STOP = range(4)
"""

LOOP_IMPORTS = (
    float_ops.IMPORTS
    + """\
from tracegen.x86_64.access import load_slow, probe_write, store_slow
from tracegen.x86_64.exceptions import attend, take
from tracegen.x86_64.flags import (
    add, add_carry, condition, decrement, increment, keep, logic, multiply_signed, rotated_left, set_product, sext,
    shift_left, shift_right, shift_right_signed, subtract, subtract_carry, take_bit, CARRIES, SUBTRACTION,
)
from tracegen.x86_64.floats import (
    again, change, from_signed, is_usable, order, truncated_32, truncated_64, unusable,
)
from tracegen.x86_64.integer import swapped
from tracegen.x86_64.translation import fetch_value
from {RARE} import rare
"""
)

RARE_IMPORTS = """\
from tracegen.x86_64 import system
from tracegen.x86_64.access import probe_write
from tracegen.x86_64.announce import announce
from tracegen.x86_64.crossing import cross, locked_load, locked_store
from tracegen.x86_64.exceptions import raise_exception
from tracegen.x86_64.floats import integer_of, load_control, single_of
from tracegen.x86_64.integer import (
    change_carry, divide, divide_signed, load_flags, multiply, rotate, rotate_carry_left, rotate_carry_right,
    scan_bits, set_direction, set_zero_flag, shift_double, store_flags,
)
from tracegen.x86_64.strings import compare_strings, load_string, move_string, scan_string, store_string
"""

START = """\
@kernel
def turn(core, views):
    s, r, tags, entries, ram, ops, imms = core.s, core.r, core.tags, core.entries, core.ram8, views.ops, views.imms
    count, limit, pc, arrive, context = s[S.COUNT], s[S.LIMIT], s[S.PC], s[S.ARRIVE], s[S.CONTEXT]
    scratch = s[S.MEMORY_BYTES]
T   rows, counts = core.rows, core.counts
T   position, last, mode, row_limit = s[S.POSITION], s[S.LAST], s[S.MODE] << U12 | s[S.VCPU_BITS], s[S.ROW_LIMIT]
    while True:
        s[S.COUNT], s[S.PC], s[S.ARRIVE] = count, pc, arrive
T       s[S.POSITION], s[S.LAST] = position, last
        if count >= limit:
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
        page = pc & PAGE
        value = tags[FETCHES + at + ONE]
        if tags[FETCHES + at] != (page | context):
            value = fetch_value(core, pc)
T           position = s[S.POSITION]
            if value == ZERO:
                leave = take(core)
                $RELOAD
                if leave == STOP:
                    return
                continue
        r[PAGE_AT] = page
        base = value & PAGE_BITS
        ip = np.uint64(entries[base | (pc & OFFSET)])
        if ip == ZERO:
            s[S.STATUS_CODE], s[S.LOWER_AT], s[S.LOWER_NEXT] = LOWER, base | (pc & OFFSET), ZERO
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

SAVED = """\
s[S.COUNT] = count + (u >> {RETIRED} & {RETIRED_MASK})
Ts[S.POSITION], s[S.LAST] = position, last
"""

CLASS_START = {
    "alu": """\
x = r[u >> {A} & BYTE]
y = r[u >> {B} & BYTE] + imm
d = u >> {D} & BYTE
""",
    "load": """\
va = r[u >> {A} & BYTE] + (r[u >> {B} & BYTE] << (u >> {SCALE} & THREE)) + imm
at = va >> U11 & READS_MASK
value = tags[at + ONE]
if tags[at] != (((va + (u >> {SPAN} & SEVEN)) & PAGE) | context):
    $SAVED
    leave = load_slow(core, va, u >> {KIND} & M15, (u >> {SPAN} & SEVEN) + ONE)
T   position = s[S.POSITION]
    if leave != ON:
        break
    p = scratch
    store8(ram, p, r[SLOW_VALUE])
else:
    p = (value & PAGE_BITS) | (va & OFFSET)
T   rows[position] = (u >> {KIND} & M15) | mode | (va & OFFSET) << U16 | (value & HIGH)
T   position += ONE
""",
    "store": """\
va = r[u >> {A} & BYTE] + (r[u >> {B} & BYTE] << (u >> {SCALE} & THREE)) + sext32(imm)
w = r[u >> {D} & BYTE] + sra(imm, M32)
at = va >> U11 & READS_MASK
value = tags[WRITES + at + ONE]
if tags[WRITES + at] != (((va + (u >> {SPAN} & SEVEN)) & PAGE) | context):
    $SAVED
    leave = store_slow(core, va, u >> {KIND} & M15, (u >> {SPAN} & SEVEN) + ONE, w)
T   position = s[S.POSITION]
    limit = s[S.LIMIT]
    if leave != ON:
        break
    p = scratch
else:
    p = (value & PAGE_BITS) | (va & OFFSET)
T   rows[position] = (u >> {KIND} & M15) | mode | (va & OFFSET) << U16 | (value & HIGH)
T   position += ONE
""",
    "compare": """\
p = sext(r[u >> {A} & BYTE], u >> {NARROW})
q = sext(r[u >> {B} & BYTE] + sra(imm, M32), u >> {NARROW})
keep(r, SUBTRACTION, p, q, sext(p - q, u >> {NARROW}))
""",
    "branch": """\
p = r[u >> {A} & BYTE]
q = r[u >> {B} & BYTE]
""",
    "test": """\
p = sext(r[u >> {A} & BYTE] & (r[u >> {B} & BYTE] + sra(imm, M32)), u >> {NARROW})
q = ZERO
keep(r, CARRIES, ZERO, ZERO, p)
""",
    "modify": """\
va = r[u >> {A} & BYTE] + (r[u >> {B} & BYTE] << (u >> {SCALE} & THREE)) + imm
at = va >> U11 & READS_MASK
value = tags[WRITES + at + ONE]
if tags[WRITES + at] != (((va + (u >> {SPAN} & SEVEN)) & PAGE) | context):
    $SAVED
    leave = probe_write(core, va, (u >> {SPAN} & SEVEN) + ONE)
    if leave == ON:
        leave = load_slow(core, va, u >> {KIND} & M15, (u >> {SPAN} & SEVEN) + ONE)
T   position = s[S.POSITION]
    if leave != ON:
        break
    p = scratch
    store8(ram, p, r[SLOW_VALUE])
else:
    p = (value & PAGE_BITS) | (va & OFFSET)
T   rows[position] = (u >> {KIND} & M15) | mode | (va & OFFSET) << U16 | (value & HIGH)
T   position += ONE
""",
    "line": "",
    **float_ops.START,
    "usable": "",
}

CLASS_VALUE = {"alu": "v", "load": "v", "modify": "v", "compare": "taken", "branch": "taken", "test": "taken"}
CLASS_VALUE |= {**float_ops.VALUE, "rare": "leave", "system": "leave"}
"""Class -> the variable that takes its table's text; a store's text is a statement."""

TAKEN = """\
if taken:
    count += u >> {RETIRED} & {RETIRED_MASK}
    arrive = u >> {ARRIVAL} & {ARRIVAL_MASK}
    style = u >> {STYLE} & THREE
    pc = page + sext32(imm)
    if style == 0:
N       if count < limit:
T       if count < limit and position < row_limit:
            target = np.uint64(entries[base + (imm & OFFSET)])
            if target != ZERO:
                ip = target
T               rows[position] = mode | (imm & OFFSET) << U16 | arrive << U28 | code_page
T               counts[position] = np.uint8(count - last)
T               last = count
T               position += ONE
                continue
    elif style == 2:
        pc = r[u >> {D} & BYTE]
    break
ip += ONE
"""

CLASS_END = {
    "alu": "r[d] = v\nip += ONE\n",
    "load": "r[u >> {D} & BYTE] = v\nip += ONE\n",
    "store": "ip += ONE\n",
    "compare": TAKEN,
    "branch": TAKEN,
    "test": TAKEN,
    "modify": "r[u >> {D} & BYTE] = v\nip += ONE\n",
    "line": """\
Trows[position] = mode | (u >> {OFFSET} & {OFFSET_MASK}) << U16 | code_page
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
    "$SAVED": SAVED,
}
"""Text that several places share."""

RARE = """\
            else:  # rare
                s[S.PC] = page + (u >> {OFFSET} & {OFFSET_MASK})
                $SAVED
                leave = rare(core, op, u, imm)
                limit, context = s[S.LIMIT], s[S.CONTEXT]
T               position, last, mode = s[S.POSITION], s[S.LAST], s[S.MODE] << U12 | s[S.VCPU_BITS]
                if leave != ON:
                    break
                ip += ONE
"""

RARE_HEAD = """

@kernel
def rare(core, op, u, imm):
    s, r = core.s, core.r
    d, a, b = u >> {D} & BYTE, u >> {A} & BYTE, u >> {B} & BYTE
    s[S.NEXT_PC] = s[S.PC] + (u >> {LENGTH})
"""

RARE_START = {"rare": "", "system": ""}
"""Class of rare operations -> what comes before its tests."""

END = """\
        if leave == FAULT:
            u = ops[ip]
            s[S.PC] = page + (u >> {OFFSET} & {OFFSET_MASK})
            $SAVED
            leave = take(core)
        if leave != ON:
            $RELOAD
            if leave == STOP:
                return
"""

FIELDS = {
    "A": A_SHIFT,
    "B": B_SHIFT,
    "D": D_SHIFT,
    "SCALE": SCALE_SHIFT,
    "KIND": KIND_SHIFT,
    "SPAN": SPAN_SHIFT,
    "STYLE": STYLE_SHIFT,
    "NARROW": NARROW_SHIFT,
    "LENGTH": LENGTH_SHIFT,
    "ARRIVAL": ARRIVAL_SHIFT,
    "ARRIVAL_MASK": ARRIVAL_MASK,
    "OFFSET": OFFSET_SHIFT,
    "OFFSET_MASK": (1 << OFFSET_BITS) - 1,
    "RETIRED": RETIRED_SHIFT,
    "RETIRED_MASK": (1 << RETIRED_BITS) - 1,
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
