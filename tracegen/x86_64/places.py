"""The registers that micro-ops of x86-64 may name: places in ``Core.r``.

0 to 15 are the guest's, in hardware's numbering.
"""

from __future__ import annotations

RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI = range(8)
ZERO = 16
"""Always 0."""
TEMPORARY = range(17, 25)
PAGE = 25
"""Virtual address of the page whose block runs: RIP-relative addresses start there."""
FS_BASE, GS_BASE = 26, 27
FLAG_KIND, FLAG_A, FLAG_B, FLAG_RESULT = 28, 29, 30, 31
"""The arithmetic flags: see ``tracegen.x86_64.flags``."""
NOTHING = 32
"""Always 0, behind FLAG_RESULT: conditions compare a place with the one after it."""
SLOW_VALUE = 33
"""What a slow load found."""
SINK = 34
"""Takes what nobody wants."""
XMM, XMM_HIGH = 64, 80
"""Low and high words of the sixteen vector registers."""
ROUNDING, MXCSR = 96, 97
"""The rounding mode, of ``tracegen.cpu.softfloat``, that MXCSR asks for; MXCSR."""
