"""Speed of the emulated CPUs on user code beside un-hooked Unicorn."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import unicorn
from unicorn import mips_const as mc

from benchmarks.result import Result
from tracegen.elf import read_elf
from tracegen.machine import Machine, make

HERE = Path(__file__).resolve().parent
PROGRAMS = HERE.parent / "tests" / "lockstep" / "programs"
MEMORY = 16 << 20
FLAGS = (
    "-O2 -g0 -fomit-frame-pointer -ffreestanding -fno-stack-protector -fno-sanitize=all -fno-pic -fno-pie -nostdlib "
    "-static -Wl,--no-gc-sections -Wl,-e,_start"
).split()
RUNS = 5


class Guest(NamedTuple):
    """One CPU's program: the same C, another compiler target."""

    target: str  # of the compiler
    start: str  # the file that calls main
    script: str  # of the linker
    finish: int  # bytes from the entry to where main has returned
    least: dict[str, float]  # speed over Unicorn's that each variant is to reach


GUESTS = {
    "mips64": Guest(
        "-target mips64-freestanding -mcpu=mips4 -mno-abicalls -msoft-float -G0",
        "start.S",
        "flat.ld",
        28,
        {"plain": 1.3, "traced": 1.15},
    ),
    "x86-64": Guest(
        "-target x86_64-freestanding -mcpu=x86_64-sse-sse2-mmx-x87+soft_float -mno-red-zone",
        "start_x86_64.S",
        "flat_x86_64.ld",
        23,
        {"plain": 1.2, "traced": 1.2},
    ),
}


def build(guest: Guest) -> bytes:
    """The benchmark's ELF image."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "cpu"
        sources = [str(PROGRAMS / guest.start), str(HERE / "cpu.c"), "-o", str(output)]
        flags = [*guest.target.split(), *FLAGS, f"-Wl,-T,{PROGRAMS / guest.script}"]
        subprocess.run([sys.executable, "-m", "ziglang", "cc", *flags, *sources], check=True)
        return output.read_bytes()


def reference(cpu: str, image: bytes) -> unicorn.Uc:
    """Unicorn ready to run the image, without hooks."""
    if cpu == "mips64":
        uc = unicorn.Uc(unicorn.UC_ARCH_MIPS, unicorn.UC_MODE_MIPS64 | unicorn.UC_MODE_BIG_ENDIAN)
        uc.ctl_set_cpu_model(mc.UC_CPU_MIPS64_5KC)
        uc.mem_map(0x1F000000, 4096)
        uc.reg_write(mc.UC_MIPS_REG_CP0_STATUS, 0xE0)
    else:
        uc = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_64)
    uc.mem_map(0, MEMORY)
    for segment in read_elf(image, cpu).segments:
        uc.mem_write(segment.physical, segment.data)
    return uc


def seconds_of_unicorn(uc: unicorn.Uc, entry: int, finish: int) -> float:
    """CPU seconds of one run from ``entry`` to ``finish``."""
    start = time.thread_time()
    uc.emu_start(entry, finish)
    return time.thread_time() - start


def seconds_of_ours(machine: Machine, entry: int, traced: bool) -> tuple[float, int]:
    """(CPU seconds, instructions) of one run from ``entry``; code stays lowered from run to run."""
    machine.restart(entry)
    before = machine.instructions
    start = time.thread_time()
    machine.run(sink=(lambda words, counts: None) if traced else None)
    return time.thread_time() - start, machine.instructions - before


def measure(cpu: str, runs: int) -> dict[str, float]:
    """Median guest instructions per second of each way."""
    guest = GUESTS[cpu]
    image = build(guest)
    entry = read_elf(image, cpu).entry
    uc = reference(cpu, image)
    machines = {name: make(cpu, image, MEMORY) for name in guest.least}
    speeds: dict[str, list[float]] = {"unicorn": [], "plain": [], "traced": []}
    for run in range(runs + 1):
        took = {"unicorn": seconds_of_unicorn(uc, entry, entry + guest.finish)}
        for name, machine in machines.items():
            took[name], instructions = seconds_of_ours(machine, entry, name == "traced")
        if run:  # the first run translates and lowers
            for name, seconds in took.items():
                speeds[name].append(instructions / seconds)
    return {name: statistics.median(values) for name, values in speeds.items()}


def results() -> list[Result]:
    """Guest instructions per second of both loops of each CPU beside Unicorn's: medians of interleaved runs."""
    found: list[Result] = []
    for cpu, guest in GUESTS.items():
        speed = measure(cpu, RUNS)
        labels = {"plain": f"emulated {cpu}, user code", "traced": f"emulated {cpu}, trace in memory"}
        found += [
            Result(labels[name], speed[name] / 1e6, "M instr/s", "Unicorn, no hooks", speed["unicorn"] / 1e6, least)
            for name, least in guest.least.items()
        ]
    return found
