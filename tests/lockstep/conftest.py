"""Compiles the lock-step programs with the pinned compiler."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

PROGRAMS = Path(__file__).parent / "programs"
FLAGS = (
    "-target mips64-freestanding -mno-abicalls -msoft-float -G0 -O2 -g0 -fomit-frame-pointer -ffreestanding "
    "-fno-stack-protector -fno-sanitize=all -fno-pic -fno-pie -nostdlib -static -Wl,--no-gc-sections -Wl,-e,_start"
).split()


@pytest.fixture(scope="session")
def compile_program(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], bytes]:
    """A function (program name, CPU name) -> ELF bytes."""
    folder = tmp_path_factory.mktemp("lockstep")

    def compile_one(name: str, cpu: str = "mips4") -> bytes:
        output = folder / f"{name}-{cpu}"
        if not output.exists():
            sources = [str(PROGRAMS / "start.S"), str(PROGRAMS / f"{name}.c")]
            command = [sys.executable, "-m", "ziglang", "cc", *FLAGS, f"-mcpu={cpu}"]
            script = f"-Wl,-T,{PROGRAMS / 'flat.ld'}"
            subprocess.run([*command, script, *sources, "-o", str(output)], check=True, capture_output=True)
        return output.read_bytes()

    return compile_one
