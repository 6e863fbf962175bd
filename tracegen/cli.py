"""The ``tracegen`` command line: list the guest's workloads, run one and record its trace."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from replay import shell
from replay.errors import UserError, unknown

if TYPE_CHECKING:
    from tracegen.boot import Boot
    from tracegen.record import RecordSummary
    from tracegen.window import Skip

UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
"""Suffix -> bytes."""

MAX_SEED = 2**64 - 1

app = shell.application(
    "Run a guest operating system on an emulated CPU and record what the hardware would have seen.",
    "tracegen workloads",
    "tracegen run radix --keys 65536 -o radix.arrow",
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout; messages go to stderr.")]


def main() -> None:
    """Run the command line in this process."""
    sys.exit(shell.run(app, "tracegen"))


@app.command(epilog=shell.examples("tracegen workloads --json"))
def workloads(json: Json = False) -> None:
    """List the workloads and their arguments."""
    from tracegen.workloads import WORKLOADS

    found = list(WORKLOADS.values())
    if json:
        shell.write_json({"workloads": [asdict(workload) for workload in found]})
        return
    parts: list[Any] = []
    for workload in found:
        parts.append(f"{workload.name}: {workload.summary}\nPublished as: {workload.paper}")
        table = shell.table("argument", ">default", "takes", "what it is")
        for p in workload.parameters:
            whole = ", a power of 2" if p.power_of_two else ""
            table.add_row(p.name, f"{p.default:,}", f"{p.low:,} to {p.high:,}{whole}", p.summary)
        parts += [table] if workload.parameters else []
    shell.show(*parts)


def _complete_workload(incomplete: str) -> list[tuple[str, str]]:
    from tracegen.workloads import WORKLOADS

    return [(w.name, w.summary) for w in WORKLOADS.values() if w.name.startswith(incomplete)]


def _complete_cpu(incomplete: str) -> list[str]:
    from tracegen.build import CPUS

    return [name for name in CPUS if name.startswith(incomplete)]


Workload = typer.Argument(
    help="Which one (see `tracegen workloads`), or a program's file.",
    metavar="WORKLOAD",
    autocompletion=_complete_workload,
)
Cpu = Annotated[
    str | None,
    typer.Option(help="The emulated CPU.", autocompletion=_complete_cpu, show_default="mips64, or the program's"),
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
SkipInstructions = Annotated[
    int | None,
    typer.Option(help="Run so many of the guest's instructions first, unrecorded.", metavar="NUMBER", min=1),
]
SkipToMark = Annotated[
    str | None,
    typer.Option(help="Run first, unrecorded, to where the workload begins this mark.", metavar="NAME"),
]


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    short_help="Run a workload, or a program of your own, and record its trace.",
    epilog=shell.examples(
        "tracegen run radix -o radix.arrow",
        "tracegen run pmake --cpu x86-64",
        "tracegen run gups --memory 128M --seed 7",
        "tracegen run radix keys=65536 --json",
        "tracegen run pmake --vcpus 8 --locks fine",
        "tracegen run radix --kernel thin",
        "tracegen run my.elf 1000",
        "tracegen run gups --skip-to-mark measured --window 1000000",
        "tracegen run --from booted.snap -o radix.arrow",
    ),
)
def run(
    context: typer.Context,
    workload: Annotated[str | None, Workload] = None,
    cpu: Cpu = None,
    memory: Memory = None,
    disk: Disk = "16M",
    seed: Seed = 1,
    vcpus: Vcpus = 1,
    quantum: Quantum = 1000,
    locks: Locks = "coarse",
    kernel: Kernel = "full",
    skip_instructions: SkipInstructions = None,
    skip_to_mark: SkipToMark = None,
    snapshot_file: Annotated[
        Path | None, typer.Option("--from", help="Go on from a snapshot, in place of a workload.", metavar="FILE")
    ] = None,
    max_instructions: Annotated[
        int | None,
        typer.Option(
            "--max-instructions",
            "--window",
            help="Stop after recording so many of the guest's instructions.",
            metavar="NUMBER",
            min=1,
            show_default="no limit",
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The trace to write.", show_default="WORKLOAD.arrow")
    ] = None,
    json: Json = False,
) -> None:
    """Run a workload on the emulated machine and write its trace.

    The workload's own arguments follow its name as --NAME VALUE or NAME=VALUE.  A program's file, as `tracegen build`
    makes it, is named with its folder or ends in .elf; what follows it are the program's arguments as they are.
    """
    if (workload is None) == (snapshot_file is None):
        raise UserError("name either a workload or a snapshot: tracegen run WORKLOAD, or tracegen run --from FILE")
    name = Path(workload or str(snapshot_file)).stem
    place = output or Path(f"{name}.arrow")
    if place.is_dir():
        raise UserError(f"{place} is a folder; name a file, for example -o {place / f'{name}.arrow'}")
    with shell.Progress(f"running {name}", "M instructions", 1_000_000) as progress:
        if workload is None:
            summary = _go_on(Path(str(snapshot_file)), place, max_instructions, progress)
        else:
            boot = _boot(context, workload, cpu, _sizes(memory, disk, seed, vcpus, quantum), locks=locks, kernel=kernel)
            from tracegen.record import record_boot

            skip = _skip(skip_instructions, skip_to_mark)
            summary = record_boot(boot, output=place, max_instructions=max_instructions, progress=progress, skip=skip)
    if json:
        shell.write_json(asdict(summary) | {"path": str(summary.path)})
    else:
        _print(summary)
    # One short of the limit where a branch and its delay slot come next.
    _judge(summary, limited=max_instructions is not None and summary.instructions >= max_instructions - 1)


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    epilog=shell.examples(
        "tracegen snapshot pmake --skip-instructions 50000000 -o half.snap",
        "tracegen run --from half.snap --window 1000000 -o window.arrow",
    ),
)
def snapshot(
    context: typer.Context,
    workload: Annotated[str, Workload],
    cpu: Cpu = None,
    memory: Memory = None,
    disk: Disk = "16M",
    seed: Seed = 1,
    vcpus: Vcpus = 1,
    quantum: Quantum = 1000,
    locks: Locks = "coarse",
    kernel: Kernel = "full",
    skip_instructions: SkipInstructions = None,
    skip_to_mark: SkipToMark = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write.", show_default="WORKLOAD.snap")
    ] = None,
) -> None:
    """Run a workload, unrecorded, up to a point, and keep the machine's state in a file to go on from."""
    skip = _skip(skip_instructions, skip_to_mark)
    if skip is None:
        raise UserError("say how far the guest is to run: give --skip-instructions or --skip-to-mark")
    boot = _boot(context, workload, cpu, _sizes(memory, disk, seed, vcpus, quantum), locks=locks, kernel=kernel)
    place = output or Path(f"{Path(workload).stem}.snap")
    from tracegen.snapshot import save
    from tracegen.window import fast_forward

    with shell.Progress(f"running {workload}", "M instructions", 1_000_000) as progress:
        machine = boot.machine()
        mark = fast_forward(boot, machine, skip, progress)
        size = save(place, boot, machine, mark)
    print(f"{place}: {size:,} bytes, after {machine.instructions:,} instructions; try `tracegen run --from {place}`")


def _skip(instructions: int | None, mark: str | None) -> Skip | None:
    if instructions is None and mark is None:
        return None
    if instructions is not None and mark is not None:
        raise UserError("give one of --skip-instructions and --skip-to-mark")
    from tracegen.window import Skip

    return Skip(instructions, mark)


def _sizes(memory: str | None, disk: str, seed: int, vcpus: int, quantum: int) -> dict[str, Any]:
    sizes = {"disk_bytes": parse_size("--disk", disk), "seed": seed, "vcpus": vcpus, "quantum": quantum}
    return sizes if memory is None else {**sizes, "memory_bytes": parse_size("--memory", memory)}


def _go_on(file: Path, output: Path, most: int | None, progress: shell.Progress) -> RecordSummary:
    from tracegen.record import record_machine
    from tracegen.snapshot import load

    boot, machine, mark = load(file)
    return record_machine(boot, machine, mark, output=output, max_instructions=most, progress=progress)


def _boot(context: typer.Context, workload: str, cpu: str | None, machine: dict[str, Any], **kernel: str) -> Boot:
    from tracegen.options import options as options_of
    from tracegen.programs import is_path
    from tracegen.workloads import WORKLOADS, find

    machine["options"] = options_of(**kernel)
    if workload not in WORKLOADS and is_path(workload):
        from tracegen.boot import program_boot

        return program_boot(Path(workload), context.args, cpu, **machine)
    chosen = find(workload)
    options = [option.removeprefix("--") for p in context.command.params for option in p.opts if option[:2] == "--"]
    arguments = parse_arguments(context.args, [parameter.name for parameter in chosen.parameters], options)
    chosen.command_line(arguments)  # refuses what is out of range before anything heavy is loaded
    from tracegen.boot import workload_boot

    return workload_boot(workload, arguments, cpu or "mips64", **machine)


@app.command(
    epilog=shell.examples("tracegen build my.c -o my.elf", "tracegen build main.c table.c -o my.elf --cpu x86-64")
)
def build(
    sources: Annotated[list[Path], typer.Argument(help="C files; one has main().", metavar="FILE.c...")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The program to write.", show_default="FILE.elf")
    ] = None,
    cpu: Annotated[str, typer.Option(help="The emulated CPU.", autocompletion=_complete_cpu)] = "mips64",
) -> None:
    """Compile a program of your own for the guest.

    It may use what the header user.h of the guest's library declares.  Compiling takes vmreplay's extra `guest`.
    """
    from tracegen.build import CompilationError
    from tracegen.programs import compile_program

    place = output or sources[0].with_suffix(".elf")
    try:
        said = compile_program(sources, place, cpu)
    except CompilationError as error:
        shell.say(error.said.rstrip())
        raise
    for line in said.splitlines():
        shell.say(line)
    print(f"{place}: {place.stat().st_size:,} bytes; run it with `tracegen run {place}`")


def _print(summary: RecordSummary) -> None:
    from tracegen.console import shorten

    for line in shorten(summary.console.splitlines()):
        print(f"guest: {line}")
    print(
        f"{summary.path}: {summary.rows:,} rows of {summary.bytes / summary.rows:.2f} bytes each,"
        f" from {summary.instructions:,} instructions"
    )


def _judge(summary: RecordSummary, *, limited: bool) -> None:
    if summary.state is None:
        return
    for line in summary.state.lines():
        shell.say(line)
    remedy = f"; {summary.state.remedy}" if summary.state.remedy else ""
    told = f"{summary.path} holds its trace up to there, marked incomplete"
    if summary.reason == "exit":
        told = f"the guest's workload failed with status {summary.status}{remedy}; {told}"
        raise shell.GuestFailureError(told)
    if summary.signal is not None:
        raise shell.GuestFailureError(f"{summary.reason}; {told}", code=128 + summary.signal)
    told = f"the guest stopped without finishing ({summary.reason}){remedy}; {told}"
    if not limited:
        raise shell.GuestFailureError(told)
    shell.say(told)


def parse_size(option: str, text: str) -> int:
    """Bytes in a size such as ``64M`` or ``1GiB`` of ``option``; the units are powers of 1024.  Raises UserError."""
    match = re.fullmatch(r"(\d+)([KMG])(i?B)?", text.strip(), re.IGNORECASE)
    if match is None:
        raise UserError(f"{option} {text!r} is no size with a unit; write for example {option} 64M")
    return int(match[1]) * UNITS[match[2].upper()]


def parse_arguments(words: Iterable[str], known: Iterable[str], options: Iterable[str] = ()) -> dict[str, int]:
    """Workload arguments from ``--name value``, ``--name=value`` and ``name=value`` words; ``known`` are the names.

    ``options`` are names that a wrong one may have been meant for.
    Values are integers in decimal, or in another base with its prefix (0x10).  Raises UserError.
    """
    names, found, rest = list(known), dict[str, int](), iter(words)
    for word in rest:
        name, equals, value = word.removeprefix("--").partition("=")
        if not equals and not word.startswith("--"):
            raise UserError(f"workload argument {word!r} has no name; write NAME=VALUE, one of: {', '.join(names)}")
        if name not in names:
            raise unknown("workload argument or option", name, [*names, *options], "tracegen workloads")
        if name in found:
            raise UserError(f"workload argument {name} is given twice; give it once")
        found[name] = _integer(name, value if equals else next(rest, ""))
    return found


def _integer(name: str, text: str) -> int:
    try:
        return int(text.replace("_", ""), 0)
    except ValueError:
        raise UserError(f"workload argument {name} should be an integer, is {text!r}") from None
