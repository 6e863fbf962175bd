"""SSE against un-hooked Unicorn on generated operands, in all rounding modes.

A case puts two words into each of two vector registers, runs an instruction and fetches them again.  Where both
operands are NaNs Unicorn follows x87's rule instead of SSE's, so that one at most is.  MXCSR's flags are left out: the
machine raises no floating-point exception and records none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Form = Callable[[Any], Any]
FLAGS = 0x8D5
IN = "movq %rax,%xmm0\n movq %rcx,%xmm2\n punpcklqdq %xmm2,%xmm0\n"
IN += "movq %rdx,%xmm1\n movq %rbx,%xmm3\n movlhps %xmm3,%xmm1"
OUT = "movq %xmm0,%rax\n movhlps %xmm0,%xmm0\n movq %xmm0,%rcx\n"
OUT += "movq %xmm1,%rdx\n punpckhqdq %xmm1,%xmm1\n movq %xmm1,%rbx"
