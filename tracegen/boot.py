"""What a run starts from: a guest image and the machine that boots it, all that decides what happens then."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from replay.errors import unknown
from tracegen import abi, build, filesystem, programs, thin, workloads
from tracegen.cpu.machine import QUANTUM
from tracegen.machine import CPUS, Machine, make
from tracegen.options import check
from tracegen.switch import LINK, Link, Switch


@dataclass(frozen=True)
class Boot:
    """A machine about to start: image, CPU, words of the guest's boot argument string, memory, disk, seed, vCPUs.

    ``memory_bytes`` is the guest's memory, ``disk_bytes`` its disk, of which the image's files are a part; ``seed``
    seeds TLB replacement; ``vcpus`` take turns of about ``quantum`` instructions.
    """

    image: build.Image
    cpu: str
    words: tuple[str, ...]
    memory_bytes: int = abi.MEMORY_BYTES
    disk_bytes: int = abi.DISK_BYTES
    seed: int = 1
    vcpus: int = 1
    quantum: int = QUANTUM
    workload: str = ""
    """What it is called, where that is not its program's name."""
    link: Link = LINK
    """How it is joined to the network, where it is alone there."""
    options: tuple[str, ...] = ()
    """Options of the kernel, as ``tracegen.options`` makes them: they stand before the words."""

    def disk(self) -> bytes:
        """What the disk holds at first.  Raises UserError for a size that cannot be."""
        return filesystem.fit(self.image.disk, self.disk_bytes)

    def machine(self, switch: Switch | None = None, station: int = 1) -> Machine:
        """The machine, switched on, as ``station`` of ``switch``.  Raises UserError for sizes that cannot be."""
        disk = self.disk()
        return make(
            self.cpu,
            self.image.data,
            memory_bytes=self.memory_bytes,
            seed=self.seed,
            arguments=[*self.options, *self.words],
            disk=disk,
            vcpus=self.vcpus,
            quantum=self.quantum,
            switch=switch or Switch(self.link),
            station=station,
            base_image=base_image(disk),
        )


def base_image(disk: bytes) -> int:
    """What tells apart what disks hold at first, in 48 bits: blocks of disks with the same are the same."""
    return int.from_bytes(hashlib.sha256(disk).digest()[:6], "big") | 1


def workload_boot(
    workload: str, arguments: Mapping[str, int] | None = None, cpu: str = "mips64", **machine: Any
) -> Boot:
    """What boots ``workload`` with ``arguments`` (name -> value, others at their defaults) on ``cpu``.

    ``machine`` are further fields of Boot; without ``memory_bytes`` there is as much as the workload needs.  Raises
    UserError for wrong names and sizes, and for a workload that the kernel chosen cannot run.
    """
    if cpu not in CPUS:
        raise unknown("CPU", cpu, CPUS)
    chosen = workloads.find(workload)
    words = chosen.command_line(arguments or {}).split()
    if thin.OPTION in machine.get("options", ()):
        chosen.check_thin()
    machine["memory_bytes"] = machine.get("memory_bytes") or workloads.memory_bytes(workload, arguments)
    return _boot(build.image(cpu), cpu, words, workload=workload, **machine)


def program_boot(path: Path, words: Sequence[str] = (), cpu: str | None = None, **machine: Any) -> Boot:
    """What boots the program in the file at ``path``, on its own CPU, with these arguments; else as workload_boot."""
    program = programs.load_program(path, cpu)
    line = programs.command_line(program, words)
    image = programs.with_program(build.image(program.cpu), program)
    return _boot(image, program.cpu, line.split(), **machine)


def _boot(image: build.Image, cpu: str, words: Sequence[str], **machine: Any) -> Boot:
    options = machine.get("options", ())
    check(options, cpu)
    if thin.OPTION in options:
        image = thin.image(image, cpu, words[0])
    return Boot(image, cpu, tuple(words), **machine)
