"""The ``tracegen`` command line: list the guest's workloads, run one and record its trace."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from replay import shell
from replay.errors import UserError
from tracegen.cli_options import (
    Balloon,
    Bandwidth,
    Cpu,
    Disk,
    Drop,
    Json,
    Kernel,
    Latency,
    Locks,
    Memory,
    Pages,
    Quantum,
    Seed,
    SkipInstructions,
    SkipToMark,
    Vcpus,
    VmOption,
    Vms,
    Workload,
    complete_cpu,
)
from tracegen.cli_output import judge, show
from tracegen.sizes import parse_arguments, parse_bandwidth, parse_drop, parse_latency, parse_size

if TYPE_CHECKING:
    from tracegen.boot import Boot
    from tracegen.record import RecordSummary
    from tracegen.session import Vm
    from tracegen.switch import Link
    from tracegen.window import Skip

app = shell.application(
    "Run a guest operating system on an emulated CPU and record what the hardware would have seen.",
    "tracegen workloads",
    "tracegen run radix --keys 65536 -o radix.arrow",
)


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
        "tracegen run gups --pages large --cpu x86-64",
        "tracegen run my.elf 1000",
        "tracegen run ttcp --vms 2 --latency 20us -o session",
        'tracegen run --vm "vcpus=2 web" --vm "memory=32M web" -o session',
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
    pages: Pages = "small",
    balloon: Balloon = "",
    latency: Latency = "50us",
    bandwidth: Bandwidth = "1Gbit",
    drop: Drop = None,
    vms: Vms = None,
    vm: VmOption = None,
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

    With --vms or several --vm the machines run together on one network, and -o is a folder: vm0.arrow, vm1.arrow, ...
    Options hold for all of them; before its workload a --vm has settings of its own, such as memory=128M, vcpus=2 or
    background=yes, which switches a machine off when the others have ended.
    """
    machine = _sizes(memory, disk, seed, vcpus, quantum) | {"link": _link(latency, bandwidth, drop, seed)}
    chosen = {"kernel": kernel, "locks": locks, "pages": pages, "balloon": balloon}
    if vms is not None or vm:
        if workload is None if vm is None else workload is not None or vms is not None:
            raise UserError("write --vms with a workload's name, or only --vm for each machine")
        if snapshot_file or skip_instructions or skip_to_mark:
            raise UserError("several machines are recorded from power-on: leave --from and --skip out")
        found = [_vm(context, text, cpu, machine, chosen) for text in vm or ()]
        found = found or _same(_boot(context, str(workload), context.args, cpu, machine, **chosen), int(vms or 1))
        _session(found, output or Path(f"{Path(workload or 'session').stem}-vms"), max_instructions, json=json)
        return
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
            boot = _boot(context, workload, context.args, cpu, machine, **chosen)
            from tracegen.record import record_boot

            skip = _skip(skip_instructions, skip_to_mark)
            summary = record_boot(boot, output=place, max_instructions=max_instructions, progress=progress, skip=skip)
    if json:
        shell.write_json(asdict(summary) | {"path": str(summary.path)})
    else:
        show(summary)
    # One short of the limit where a branch and its delay slot come next.
    judge(summary, limited=max_instructions is not None and summary.instructions >= max_instructions - 1)


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
    pages: Pages = "small",
    balloon: Balloon = "",
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
    machine_of = _sizes(memory, disk, seed, vcpus, quantum)
    boot = _boot(
        context, workload, context.args, cpu, machine_of, locks=locks, kernel=kernel, pages=pages, balloon=balloon
    )
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


def _link(latency: str, bandwidth: str, drop: str | None, seed: int) -> Link:
    nanoseconds, bits = parse_latency("--latency", latency), parse_bandwidth("--bandwidth", bandwidth)
    every, share = (0, 0) if drop is None else parse_drop("--drop", drop)
    from tracegen.abi import UNITS_PER_SECOND
    from tracegen.switch import Link

    return Link(nanoseconds * UNITS_PER_SECOND // 1_000_000_000, bits, every, share, seed)


def _vm(context: typer.Context, text: str, cpu: str | None, machine: dict[str, Any], kernel: dict[str, str]) -> Vm:
    from tracegen.vms import parse

    request = parse(text)
    machine, kernel = machine | request.machine, kernel | request.kernel
    boot = _boot(context, request.workload, request.words, cpu, machine, **kernel)
    from tracegen.session import Vm

    return Vm(boot, request.background)


def _same(boot: Boot, count: int) -> list[Vm]:
    from tracegen.session import Vm

    return [Vm(boot)] * count


def _session(vms: Sequence[Vm], folder: Path, most: int | None, *, json: bool) -> None:
    from tracegen.record_session import record_session

    with shell.Progress(f"running {len(vms)} machines", "M instructions", 1_000_000) as progress:
        summaries = record_session(vms, vms[0].boot.link, output=folder, max_instructions=most, progress=progress)
    if json:
        shell.write_json({"vms": [asdict(summary) | {"path": str(summary.path)} for summary in summaries]})
    else:
        for number, summary in enumerate(summaries):
            show(summary, f"vm{number}")
    failed = [summary for summary in summaries if summary.state is not None]
    first = min(failed, key=lambda summary: "of its session" in summary.reason, default=None)
    if first is not None:
        judge(first, limited=most is not None and first.instructions >= most - 1)


def _boot(
    context: typer.Context, workload: str, words: Sequence[str], cpu: str | None, machine: dict[str, Any], **kernel: str
) -> Boot:
    from tracegen.options import options as options_of
    from tracegen.programs import is_path
    from tracegen.workloads import WORKLOADS, find

    machine["options"] = options_of(**kernel)
    if workload not in WORKLOADS and is_path(workload):
        from tracegen.boot import program_boot

        return program_boot(Path(workload), words, cpu, **machine)
    chosen = find(workload)
    options = [option.removeprefix("--") for p in context.command.params for option in p.opts if option[:2] == "--"]
    arguments = parse_arguments(words, [parameter.name for parameter in chosen.parameters], options)
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
    cpu: Annotated[str, typer.Option(help="The emulated CPU.", autocompletion=complete_cpu)] = "mips64",
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
