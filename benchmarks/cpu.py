"""Speed of the emulated CPU on user code beside un-hooked Unicorn."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import unicorn
from unicorn import mips_const as mc

from benchmarks.result import Result
from tracegen.elf import read_elf
from tracegen.mips64.machine import Mips64Machine

HERE = Path(__file__).resolve().parent
PROGRAMS = HERE.parent / "tests" / "lockstep" / "programs"
MEMORY = 16 << 20
FLAGS = (
    "-target mips64-freestanding -mcpu=mips4 -mno-abicalls -msoft-float -G0 -O2 -g0 -fomit-frame-pointer "
    "-ffreestanding -fno-stack-protector -fno-sanitize=all -fno-pic -fno-pie -nostdlib -static "
    "-Wl,--no-gc-sections -Wl,-e,_start"
).split()
RUNS = 5
LEAST = {"plain": 1.3, "traced": 1.15}
"""Speed over Unicorn's that each variant is to reach."""


def build() -> bytes:
    """The benchmark's ELF image."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "cpu"
        sources = [str(PROGRAMS / "start.S"), str(HERE / "cpu.c"), "-o", str(output)]
        script = f"-Wl,-T,{PROGRAMS / 'flat.ld'}"
        subprocess.run([sys.executable, "-m", "ziglang", "cc", *FLAGS, script, *sources], check=True)
        return output.read_bytes()


def reference(image: bytes) -> unicorn.Uc:
    """Unicorn ready to run the image, without hooks."""
    uc = unicorn.Uc(unicorn.UC_ARCH_MIPS, unicorn.UC_MODE_MIPS64 | unicorn.UC_MODE_BIG_ENDIAN)
    uc.ctl_set_cpu_model(mc.UC_CPU_MIPS64_5KC)
    uc.mem_map(0, MEMORY)
    uc.mem_map(0x1F000000, 4096)
    for segment in read_elf(image).segments:
        uc.mem_write(segment.physical, segment.data)
    uc.reg_write(mc.UC_MIPS_REG_CP0_STATUS, 0xE0)
    return uc


def seconds_of_unicorn(uc: unicorn.Uc, entry: int, finish: int) -> float:
    """CPU seconds of one run from ``entry`` to ``finish``."""
    start = time.thread_time()
    uc.emu_start(entry, finish)
    return time.thread_time() - start


def seconds_of_ours(machine: Mips64Machine, entry: int, traced: bool) -> tuple[float, int]:
    """(CPU seconds, instructions) of one run from ``entry``; code stays lowered from run to run."""
    machine.restart(entry)
    before = machine.instructions
    start = time.thread_time()
    machine.run(sink=(lambda words, counts: None) if traced else None)
    return time.thread_time() - start, machine.instructions - before


def measure(runs: int) -> dict[str, float]:
    """Median guest instructions per second of each way."""
    image = build()
    entry = read_elf(image).entry
    uc = reference(image)
    machines = {"plain": Mips64Machine(image, MEMORY), "traced": Mips64Machine(image, MEMORY)}
    speeds: dict[str, list[float]] = {"unicorn": [], "plain": [], "traced": []}
    for run in range(runs + 1):
        took = {"unicorn": seconds_of_unicorn(uc, entry, entry + 16)}
        for name, machine in machines.items():
            took[name], instructions = seconds_of_ours(machine, entry, name == "traced")
        if run:  # the first run translates and lowers
            for name, seconds in took.items():
                speeds[name].append(instructions / seconds)
    return {name: statistics.median(values) for name, values in speeds.items()}


def results() -> list[Result]:
    """Guest instructions per second of both loops beside Unicorn's: medians of interleaved runs."""
    speed = measure(RUNS)
    labels = {"plain": "emulated CPU, user code", "traced": "emulated CPU, trace in memory"}
    return [
        Result(labels[name], speed[name] / 1e6, "M instr/s", "Unicorn, no hooks", speed["unicorn"] / 1e6, least)
        for name, least in LEAST.items()
    ]
