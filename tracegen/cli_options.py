"""What the commands of ``tracegen`` take: of the machine, of the guest's kernel, of the network, of where to begin."""

from __future__ import annotations

from typing import Annotated

import typer

from tracegen.sizes import MAX_SEED


def _complete_workload(incomplete: str) -> list[tuple[str, str]]:
    from tracegen.workloads import WORKLOADS

    return [(w.name, w.summary) for w in WORKLOADS.values() if w.name.startswith(incomplete)]


def complete_cpu(incomplete: str) -> list[str]:
    """Names of emulated CPUs that begin so."""
    from tracegen.build import CPUS

    return [name for name in CPUS if name.startswith(incomplete)]


Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout; messages go to stderr.")]
Workload = typer.Argument(
    help="Which one (see `tracegen workloads`), or a program's file.",
    metavar="WORKLOAD",
    autocompletion=_complete_workload,
)
Cpu = Annotated[
    str | None,
    typer.Option(help="The emulated CPU.", autocompletion=complete_cpu, show_default="mips64, or the program's"),
]
Memory = Annotated[
    str | None,
    typer.Option(
        help="The guest's memory, with its unit.", metavar="SIZE", show_default="64M, or what the workload needs"
    ),
]
Disk = Annotated[str, typer.Option(help="The guest's disk, with its unit.", metavar="SIZE")]
Seed = Annotated[int, typer.Option(help="Seeds TLB replacement.", metavar="NUMBER", min=0, max=MAX_SEED)]
Vcpus = Annotated[int, typer.Option(help="vCPUs of the machine.", metavar="NUMBER", min=1, max=16)]
Quantum = Annotated[
    int, typer.Option(help="Instructions of a vCPU's turn, about.", metavar="NUMBER", min=64, max=20_000_000)
]
Locks = Annotated[
    str, typer.Option(help="Locks of the guest's memory: one for all (coarse), or several (fine).", metavar="KIND")
]
Kernel = Annotated[
    str, typer.Option(help="The guest's: full, or thin (one program, no files, no processes).", metavar="KIND")
]
Latency = Annotated[str, typer.Option(help="Of the network, one way, with its unit.", metavar="TIME")]
Bandwidth = Annotated[str, typer.Option(help="Of each machine's link, bits a second.", metavar="RATE")]
Drop = Annotated[
    str | None,
    typer.Option(help="Packets that the network loses: every Nth of each machine, or a share such as 1%.", metavar="N"),
]
Vms = Annotated[
    int | None,
    typer.Option(help="Run so many such machines on one network; -o names a folder.", metavar="NUMBER", min=1, max=16),
]
VmOption = Annotated[
    list[str] | None,
    typer.Option("--vm", help="A machine on the network: 'SETTING=VALUE... WORKLOAD ARGUMENT...'.", metavar="TEXT"),
]
Pages = Annotated[
    str, typer.Option(help="Memory without a file in pages of 4 KB (small) or 2 MB (large, x86-64).", metavar="KIND")
]
Balloon = Annotated[
    str,
    typer.Option(
        help="Pages that the host wants from the guest, from these ticks of 10 ms on.",
        metavar="TICK:PAGES,...",
        show_default="none",
    ),
]
SkipInstructions = Annotated[
    int | None,
    typer.Option(help="Run so many of the guest's instructions first, unrecorded.", metavar="NUMBER", min=1),
]
SkipToMark = Annotated[
    str | None,
    typer.Option(help="Run first, unrecorded, to where the workload begins this mark.", metavar="NAME"),
]
