"""What floating-point micro-ops do, as text that both CPUs' loops are made of.

``x`` and ``y`` are registers a and b, as numbers in the classes of doubles and singles.  There the immediate is the
operation's number in ``softfloat``: a result that is no number, or one to be rounded otherwise, is made again by the
CPU's own ``again``.  Singles lie in a register's low half, and what is above stays.
"""

from __future__ import annotations

Entry = str | tuple[str, str]

NAMES = ("ADD", "SUB", "MUL", "DIV", "SQRT")
"""Operations in the order of their numbers in ``softfloat``, before the letter of a format."""

DOUBLES: dict[str, Entry] = {
    "ADDD": "xd + yd",
    "SUBD": "xd - yd",
    "MULD": "xd * yd",
    "DIVD": "xd / yd",
    "SQRTD": "root(xd)",
}
"""The value that goes to register d."""

SINGLES: dict[str, Entry] = {
    "ADDS": "xs + ys",
    "SUBS": "xs - ys",
    "MULS": "xs * ys",
    "DIVS": "xs / ys",
    "SQRTS": "root_of_single(xs)",
}
"""The value that goes to the low half of register d."""

MOVES: dict[str, Entry] = {
    "MERGEW": "(r[d] & HIGH) | (x + y & LOW32)",
    "WIDEN": (
        "wd = np.float64(single(x))",
        "bits(wd) if wd == wd else change(r, x, SINGLE, DOUBLE)",
    ),
    "NARROW": (
        "ws = np.float32(double(x)); exact = ws == ws and r[ROUNDING] == ZERO",
        "(r[d] & HIGH) | (bits_of_single(ws) if exact else change(r, x, DOUBLE, SINGLE))",
    ),
}
"""Among the operations on registers: the low half of a register, a single as a double, a double as a single."""

IMPORTS = """\
from tracegen.cpu.floats import bits, bits_of_single, double, holds, root, root_of_single, single
from tracegen.cpu.softfloat import DOUBLE, SINGLE
"""

START = {
    "double": """\
xd = double(r[u >> {A} & BYTE])
yd = double(r[u >> {B} & BYTE])
""",
    "single": """\
xs = single(r[u >> {A} & BYTE])
ys = single(r[u >> {B} & BYTE])
""",
}

VALUE = {"double": "zd", "single": "zs"}

END = {
    "double": """\
v = bits(zd)
if zd != zd or r[ROUNDING] != ZERO:
    v = again(r, imm, r[u >> {A} & BYTE], r[u >> {B} & BYTE], DOUBLE)
r[u >> {D} & BYTE] = v
ip += ONE
""",
    "single": """\
v = bits_of_single(zs)
if zs != zs or r[ROUNDING] != ZERO:
    v = again(r, imm, r[u >> {A} & BYTE], r[u >> {B} & BYTE], SINGLE)
d = u >> {D} & BYTE
r[d] = (r[d] & HIGH) | v
ip += ONE
""",
}
"""Of the loop: what comes before a class's operations, the variable that takes their value, and what comes after."""
