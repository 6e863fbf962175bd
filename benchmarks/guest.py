"""Speed of recording under the guest operating system, to a compressed file.

Beside it: un-hooked Unicorn on user code; the same with eight vCPUs; and Lackey, Valgrind's tool that prints every
instruction and access of a program.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks import cpu as user_code
from benchmarks.result import Result
from replay import shell
from replay.info import describe
from tracegen.elf import read_elf
from tracegen.machine import make
from tracegen.record import record

WORKLOADS = ("pmake", "engineering")
"""Full of processes and faults; at work in user mode: at their default sizes."""
THREADED: Mapping[str, Mapping[str, int]] = {"radix": {"keys": 1 << 20}, "raytrace": {}}
"""What the same threads do on one vCPU and on as many as there are threads."""
THREADS = 8
RUNS = 3
LEAST, MOST, LEAST_EVENTS = 0.4, 1.3, 30
"""Instructions per second over Unicorn's; time of an instruction with eight vCPUs over that with one; events per second
over Lackey's."""
LACKEY_SECONDS = 5.0
KINDS = "LOAD1 LOAD2 LOAD4 LOAD8 STORE1 STORE2 STORE4 STORE8".split()


def unicorns_seconds(cpu: str) -> float:
    """Seconds an instruction of the user-code benchmark, its code translated before."""
    image, guest = user_code.build(user_code.GUESTS[cpu]), user_code.GUESTS[cpu]
    entry = read_elf(image, cpu).entry
    machine, uc = make(cpu, image, user_code.MEMORY), user_code.reference(cpu, image)
    machine.run()
    return min(
        user_code.seconds_of_unicorn(uc, entry, entry + guest.finish) / machine.instructions for _ in range(RUNS + 1)
    )


def recorded(workload: str, path: Path, sizes: Mapping[str, int], **machine: int | str) -> tuple[float, int]:
    """(Seconds from the call to the closed file, instructions): the shortest of several runs."""
    found = []
    for _ in range(RUNS + 1):  # the first may compile
        start = time.perf_counter()
        instructions = record(workload, dict(sizes), output=path, **machine).instructions  # type: ignore[arg-type]
        found.append((time.perf_counter() - start, instructions))
    return min(found)


def beside_unicorn(folder: Path) -> list[Result]:
    """Guest instructions per second of each workload on each CPU, and Unicorn's of user code."""
    found = []
    for cpu in user_code.GUESTS:
        theirs = 1 / unicorns_seconds(cpu) / 1e6
        for workload in WORKLOADS:
            seconds, instructions = recorded(workload, folder / "t.arrow", {}, cpu=cpu)
            what, ours = f"record {workload} on {cpu} to a file", instructions / seconds / 1e6
            found.append(Result(what, ours, "M instr/s", "Unicorn, user code, no hooks", theirs, least=LEAST))
    return found


def on_eight_vcpus(folder: Path) -> list[Result]:
    """Nanoseconds an instruction of each threaded workload with eight vCPUs, and with one."""
    found = []
    for workload, own in THREADED.items():
        sizes = {**own, "threads": THREADS}
        one, eight = (
            seconds / instructions * 1e9
            for vcpus in (1, THREADS)
            for seconds, instructions in [recorded(workload, folder / "t.arrow", sizes, vcpus=vcpus)]
        )
        found.append(Result(f"record {workload} on 8 vCPUs", eight, "ns/instr", "on one", one, most=MOST))
    return found


def beside_lackey(folder: Path) -> list[Result]:
    """Instructions, loads and stores a second that are recorded, and that Lackey prints, of x86-64 programs in C."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        shell.say("valgrind is not installed: nothing beside Lackey")
        return []
    seconds, instructions = recorded("compress", folder / "t.arrow", {}, cpu="x86-64")
    kinds = describe(str(folder / "t.arrow"))["rows_by_kind"]
    ours = (instructions + sum(kinds.get(kind, 0) for kind in KINDS)) / seconds / 1e6
    theirs = lackeys_events(valgrind, folder) / 1e6
    return [Result("events of compress to a file", ours, "M/s", "valgrind --tool=lackey", theirs, least=LEAST_EVENTS)]


def lackeys_events(valgrind: str, folder: Path) -> float:
    """Lines a second, one an event, that Lackey prints of the user-code benchmark, built for this computer."""
    program, entry = folder / "cpu", folder / "start.S"
    entry.write_text(".globl _start\n_start: call main\n1: jmp 1b\n")
    flags = "-target x86_64-freestanding -mcpu=x86_64 -O2 -w -nostdlib -static -fno-sanitize=all -Wl,-e,_start".split()
    sources = [entry, user_code.HERE / "cpu.c"]
    subprocess.run([sys.executable, "-m", "ziglang", "cc", *flags, *sources, "-o", program], check=True)
    command = [valgrind, "--tool=lackey", "--trace-mem=yes", str(program)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        process.stderr.readline()
        os.read(process.stderr.fileno(), 1 << 20)  # from here on it is at work
        lines, start = 0, time.perf_counter()
        while time.perf_counter() - start < LACKEY_SECONDS and (chunk := os.read(process.stderr.fileno(), 1 << 20)):
            lines += chunk.count(b"\n")
        seconds = time.perf_counter() - start
        process.send_signal(signal.SIGKILL)
    return lines / seconds


def results() -> list[Result]:
    """All of these, each beside its peer in the same run."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return [*beside_unicorn(folder), *on_eight_vcpus(folder), *beside_lackey(folder)]
