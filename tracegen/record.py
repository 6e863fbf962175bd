"""Record: run a workload on an emulated machine and stream what the hardware would have seen into a trace file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from replay.trace.container import Closing
from replay.trace.meta import Handler, Network, RecorderTlb, Refill, Service, TraceMeta
from replay.trace.schema import ServiceClass
from tracegen import abi, filesystem, marks, template
from tracegen.abi import UNITS_PER_SECOND
from tracegen.boot import Boot, workload_boot
from tracegen.console import escape
from tracegen.cpu import state as S
from tracegen.cpu.machine import QUANTUM, RunResult
from tracegen.ending import GuestState, state_of, why
from tracegen.interrupts import Interrupts
from tracegen.machine import Machine
from tracegen.mips64.state import TLB_ENTRIES
from tracegen.window import Skip, fast_forward
from tracegen.writer import TraceWriter

WIRED = 0
"""TLB entries that the guest on MIPS64, whose kernel fills the TLB, keeps from random replacement."""

Progress = Callable[[int], None]
"""Called with the instructions retired so far."""


@dataclass(frozen=True)
class RecordSummary:
    """How a recording went; ``status`` is the guest's exit status, ``reason`` why the machine stopped.

    ``state`` is there where the guest did not end with status 0; ``signal`` is the one that ended the run, if any.
    """

    path: Path
    rows: int
    instructions: int
    bytes: int
    status: int | None
    reason: str
    console: str
    digest: str
    state: GuestState | None = None
    signal: int | None = None


def record(
    workload: str,
    arguments: Mapping[str, int] | None = None,
    *,
    cpu: str = "mips64",
    memory_bytes: int | None = None,
    disk_bytes: int = abi.DISK_BYTES,
    seed: int = 1,
    vcpus: int = 1,
    quantum: int = QUANTUM,
    options: tuple[str, ...] = (),
    output: str | Path,
    max_instructions: int | None = None,
    progress: Progress | None = None,
) -> RecordSummary:
    """Run ``workload`` with ``arguments`` on ``cpu`` and write its trace: see ``workload_boot`` and ``record_boot``."""
    sizes: dict[str, Any] = {"memory_bytes": memory_bytes, "disk_bytes": disk_bytes, "vcpus": vcpus, "quantum": quantum}
    boot = workload_boot(workload, arguments, cpu, seed=seed, options=options, **sizes)
    return record_boot(boot, output=output, max_instructions=max_instructions, progress=progress)


def record_boot(
    boot: Boot,
    *,
    output: str | Path,
    max_instructions: int | None = None,
    progress: Progress | None = None,
    skip: Skip | None = None,
) -> RecordSummary:
    """Boot a guest and write its trace: see ``record_machine``.  With ``skip`` the trace begins where that says.

    Raises UserError for wrong sizes and places, and leaves no file behind on any error.
    """
    machine = boot.machine()
    mark = fast_forward(boot, machine, skip, progress) if skip else None
    return record_machine(boot, machine, mark, output=output, max_instructions=max_instructions, progress=progress)


def record_machine(
    boot: Boot,
    machine: Machine,
    mark: int | None = None,
    *,
    output: str | Path,
    max_instructions: int | None = None,
    progress: Progress | None = None,
) -> RecordSummary:
    """Run a machine that ``boot`` started to its end or for ``max_instructions``, and write its trace to ``output``.

    Of a machine that has run before, the trace begins with the state that it goes on from; ``mark`` has just begun.
    Raises UserError for wrong sizes and places, and leaves no file behind on any error.  Where the guest fails or does
    not end by itself, as on Ctrl-C, the trace up to there is kept and marked incomplete.
    """
    skipped = machine.instructions
    if skipped:
        machine.open_window(mark)
    with TraceWriter(output, meta_of(boot, machine, session_id([boot]))) as writer, Interrupts() as interrupts:
        result = machine.run(writer.write, max_instructions, progress, interrupts.reason)
        closing = close(writer, result)
    return summary_of(boot, machine, result, closing, Path(output), skipped, interrupts.signal)


def close(writer: TraceWriter, result: RunResult) -> Closing:
    """Finish the trace of a run."""
    return writer.commit({"complete": result.whole, "status": result.status, "reason": why(result)})


def summary_of(
    boot: Boot, machine: Machine, result: RunResult, closing: Closing, path: Path, skipped: int, signal: int | None
) -> RecordSummary:
    """How the recording went of which ``closing`` is the end, after ``skipped`` instructions; ``signal`` ended it."""
    return RecordSummary(
        path,
        closing.rows,
        result.instructions - skipped,
        path.stat().st_size,
        result.status,
        result.reason,
        escape(result.console),
        closing.digest,
        None if result.whole else state_of(machine, result, boot.image.symbols),
        signal,
    )


def session_id(boots: Sequence[Boot]) -> str:
    """What tells apart sessions of other machines: the same machines are the same session."""
    digest = hashlib.sha256()
    for boot in boots:
        told = [getattr(boot, field.name) for field in fields(boot) if field.name != "image"]
        digest.update(repr([boot.image.digest, *told]).encode())
    return digest.hexdigest()[:16]


def meta_of(boot: Boot, machine: Machine, session: str) -> TraceMeta:
    """The metadata of the trace of a machine that is about to run, as one of ``session``."""
    mips64 = boot.cpu == "mips64"
    return TraceMeta(
        architecture=boot.cpu,
        vcpus=boot.vcpus,
        interleave_quantum=boot.quantum if boot.vcpus > 1 else 0,
        memory_bytes=boot.memory_bytes,
        instructions_per_second=UNITS_PER_SECOND,
        workload=boot.workload or boot.words[0],
        arguments=(*boot.options, *boot.words[1:]),
        seed=boot.seed,
        tlb=_tlb(machine.generator_seed() if machine.instructions else boot.seed) if mips64 else None,
        tool_version=_tool_version(),
        image_digest=boot.image.digest,
        services=tuple(Service(s.id, s.name, ServiceClass[s.klass]) for s in abi.services()),
        symbols=tuple((s.name, s.address) for s in boot.image.symbols),
        refill=_refill(template.refill_template(boot.image)) if mips64 else None,
        skipped=machine.instructions,
        network=_network(machine, session),
        base_image=int(machine.core.s[S.DISK_IMAGE]),
        marks=marks.names(filesystem.read(boot.image.disk)[boot.words[0]]),
    )


def _network(machine: Machine, session: str) -> Network:
    switch, vm = machine.card.switch, machine.card.station - 1
    link = switch.link
    return Network(session, vm, switch.stations, link.latency, link.bandwidth, link.drop_every, link.drop_share)


def _tlb(seed: int) -> RecorderTlb:
    return RecorderTlb(TLB_ENTRIES, pair=True, wired=WIRED, replacement="random", seed=seed)


def _refill(document: dict[str, Any]) -> Refill:
    paths = {name: Handler(**document[name]) for name in ("full", "aborted", "nested")}
    return Refill(**{**document, **paths})


def _tool_version() -> str:
    try:
        return version("vmreplay")
    except PackageNotFoundError:
        return "a checkout"
