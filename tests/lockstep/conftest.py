"""Compiles the lock-step programs with the pinned compiler."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

PROGRAMS = Path(__file__).parent / "programs"
FLAGS = (
    "-O2 -g0 -fomit-frame-pointer -ffreestanding -fno-stack-protector -fno-sanitize=all -fno-pic -fno-pie -nostdlib "
    "-fno-math-errno -static -Wl,--no-gc-sections -Wl,-e,_start"
).split()
TARGETS = {
    "mips64": "-target mips64-freestanding -mno-abicalls -G0".split(),
    "x86_64": "-target x86_64-freestanding -mno-red-zone -mno-implicit-float".split(),
}
STARTS = {"mips64": ("start.S", "flat.ld"), "x86_64": ("start_x86_64.S", "flat_x86_64.ld")}
SOFT = {"mips3": ["-msoft-float"], "mips4": ["-msoft-float"]}
"""Options of CPUs without floating point; the compiler's name of the CPU is enough on x86-64."""
HARD_FLOAT = {"mips4-float": "mips4"}
"""CPUs with it, which the compiler calls otherwise."""


@pytest.fixture(scope="session")
def compile_program(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], bytes]:
    """A function (program name, the compiler's name of a CPU) -> ELF bytes."""
    folder = tmp_path_factory.mktemp("lockstep")

    def compile_one(name: str, cpu: str = "mips4") -> bytes:
        output = folder / f"{name}-{cpu}"
        if not output.exists():
            target = "x86_64" if cpu.startswith("x86_64") else "mips64"
            start, script = STARTS[target]
            sources = [str(PROGRAMS / start), str(PROGRAMS / f"{name}.c")]
            command = [sys.executable, "-m", "ziglang", "cc", *TARGETS[target], *FLAGS, *SOFT.get(cpu, ())]
            command.append(f"-mcpu={HARD_FLOAT.get(cpu, cpu)}")
            script = f"-Wl,-T,{PROGRAMS / script}"
            subprocess.run([*command, script, *sources, "-o", str(output)], check=True, capture_output=True)
        return output.read_bytes()

    return compile_one
