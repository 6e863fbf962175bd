"""The page of workloads: ``make workloads`` records each at its default sizes, counts it and writes the tables."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from replay import shell
from replay.commands.workload_runs import BARE, Row, Run, measured, runs_of
from tracegen import build
from tracegen.workloads import PARALLEL, WORKLOADS

CALLS_SHOWN, DIGEST_SHOWN = 4, 16
WRONG = " \\*"
"""Marks an overhead of a guest that would go wrong."""


class Line(NamedTuple):
    """A row of the page's tables: a machine of a run, and its facts."""

    run: Run
    vm: int
    facts: Row

    @property
    def cells(self) -> tuple[str, str]:
        """The workload, and on which machine it ran."""
        return f"`{self.run.workload}`", f"VM {self.vm} of {self.run.vms}" if self.run.vms > 1 else str(self.run.vcpus)


def page(lines: Mapping[str, Sequence[Line]], images: Mapping[str, str]) -> str:
    """The page's text; ``lines`` are by CPU, as ``images``, the digests of the guests."""
    sizes = (f"`{name}` has `{_words(given)}`" for name, given in PARALLEL.items() if given)
    parts = [HEAD.replace("@SIZES@", ", ".join(sizes)), *_missing(lines)]
    for cpu, found in lines.items():
        parts += [
            "",
            f"## On {cpu}",
            "",
            *_sizes(found, cpu, images[cpu]),
            "",
            *_entries(found, cpu),
            "",
            *_models(found),
        ]
    return "\n".join([*parts, "", PAPERS])


def _words(sizes: Mapping[str, int]) -> str:
    return " ".join(f"{name}={size}" for name, size in sizes.items())


def _missing(lines: Mapping[str, Sequence[Line]]) -> list[str]:
    """Runs that are not among ``lines``."""
    there = {line.run for found in lines.values() for line in found}
    runs = [run for name in WORKLOADS for cpu in lines for run in runs_of(name, cpu) if run not in there]
    return ["", f"Without figures here: {', '.join(f'`{run.name}`' for run in runs)}."] if runs else []


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _heading(*cells: str) -> list[str]:
    return [_line(*cells), _line("---", *["---:"] * (len(cells) - 1))]


def _sizes(lines: Sequence[Line], cpu: str, image: str) -> Iterator[str]:
    model, machine = BARE[cpu]
    yield f"Time and TLB misses are those of `{model}` on `{machine}`. The guest's image: `{image[:DIGEST_SHOWN]}`."
    yield ""
    yield from _heading(
        *("workload", "vCPUs", "M instr.", "M rows", "bytes a row", "pages", "TLB misses / 1,000 refs"),
        *("user", "kernel", "idle", "disk requests"),
    )
    for line in lines:
        row = line.facts
        yield _line(
            *line.cells,
            f"{row['instructions'] / 1e6:,.1f}",
            f"{row['rows'] / 1e6:,.1f}",
            f"{row['bytes'] / row['rows']:.2f}",
            f"{row['pages']:,}",
            f"{_digits(1000 * row['misses'] / row['references'])}",
            *(f"{row[share]:.1%}" for share in ("user", "kernel", "idle")),
            f"{row['disk_requests']:,}",
        )


def _entries(lines: Sequence[Line], cpu: str) -> Iterator[str]:
    changes = ("tlb_writes", "TLB writes") if cpu == "mips64" else ("invalidations", "invalidations")
    yield "What the kernel does each time that it is entered, TLB refills left out:"
    yield ""
    yield from _heading(
        *("workload", "vCPUs", "entries / M instr.", "calls", "faults", "interrupts", "instr. / entry"),
        *("privileged / entry", f"{changes[1]} / entry", "table stores / entry", "most frequent calls"),
    )
    for line in lines:
        row = line.facts
        entries = row["entries"]
        each = (row[what] / entries for what in ("kernel_instructions", "privileged", changes[0], "table_stores"))
        yield _line(
            *line.cells,
            f"{_digits(1e6 * entries / row['instructions'])}",
            *(f"{row['by_kind'].get(kind, 0) / entries:.0%}" for kind in ("calls", "faults", "interrupts")),
            *(_digits(value) for value in each),
            _mix(row["calls"]),
        )


def _models(lines: Sequence[Line]) -> Iterator[str]:
    names = {model: found["label"] for line in lines for model, found in line.facts["compared"].items()}
    yield COMPARED
    yield ""
    yield from _heading("workload", "vCPUs", *(f"`{name}`, {label}" for name, label in names.items()))
    for line in lines:
        yield _line(*line.cells, *(_added(line.facts["compared"][name]) for name in names))


def _added(found: Mapping[str, Any]) -> str:
    """What a model adds in percent: to the busy time, and to all of it."""
    busy, whole = (_digits(100 * (found[part] - 1)) for part in ("busy", "overhead"))
    return f"{busy} ({whole})" + WRONG * bool(found["incorrect"])


def _mix(calls: Mapping[str, int]) -> str:
    whole = sum(calls.values())
    dearest = sorted(calls.items(), key=lambda item: -item[1])[:CALLS_SHOWN]
    return ", ".join(f"{name} {n / whole:.0%}" for name, n in dearest)


def _digits(value: float) -> str:
    """Three digits of a figure, in full."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


HEAD = """# The workloads in figures

Made by `make workloads`, which runs every workload at its default sizes on one vCPU of either CPU, each that can use
eight on eight, too, and each whose machines work together on two machines of a session. `tracegen workloads` lists the
sizes; on eight vCPUs @SIZES@.
Figures move with the guest's kernel, and overheads with models and prices. Rows are of the trace; pages are virtual
pages, each counted once an address space. An entry of the kernel is a system call, a fault that the guest's own tables
explain, or an interrupt. Privileged instructions are those outside TLB refills. Shares of time are of all vCPUs
together."""

COMPARED = """What each model adds to its bare machine in percent of busy time, and in brackets of all time, as
`replay compare` says it of this trace: each on a machine of its own, whose disk and network are as fast as the trace's;
what is below 0 is saved. Where an asterisk stands, sensitive instructions of this guest do not trap, and it would go
wrong."""

PAPERS = """## What the papers say of theirs

| | | of the time on bare hardware: user | kernel | idle |
|---|---|---:|---:|---:|
| Disco, figure 5 | pmake | 50% | 19% | 32% |
| | engineering | 94% | 6% | 0% |
| | raytrace | 97% | 3% | 0% |
| | database | 86% | 14% | 0% |

The shares are measured off the bars. Further, Disco's table 2 says how often pmake's kernel services run: from its
shares and times follow some 1.5 million TLB refills, 14,600 slow refills (QUICK_FAULT) and 10,400 demand-zero
faults in 0.73 s of kernel time. None of the papers prints instructions, privileged instructions or page-table
stores of a workload; Adams and Agesen count `forkwait`'s 40,000 children and name what makes it dear (page-table
updates, context switches); Xen's tables 3 to 5 time lmbench's operations and give no counts.

Where ours differ:

- **Kernel paths are shorter.** IRIX and Linux spend thousands of instructions in a fork or an open where this
  kernel spends hundreds: a service takes a smaller share of the time, and the events that a monitor charges for
  weigh more in it. Compare events and added time of one invocation, as `--by service` and `--by mark` do, before
  ratios.
- **pmake** compiles 67 small files with a small compiler: more calls and faults for each instruction than GNU chess
  took. Our disk has one request under way at a time.
- **Times are priced** on the machine that stands above each table; stalls of the caches are a price by reference,
  not simulated. The published shares are of simulated or real machines with caches.
- **lmbench** does each operation a stated number of times, in a region of its own; the real one repeats until its
  clock is fine enough, and reports the least of several runs. Its null I/O reads and writes a byte of a file in the
  buffer cache, not `/dev/zero` and `/dev/null`.
- **dbench** draws requests in the mix of NetBench's load by chance; the original replays one recorded sequence.
- **gups**, **graph**, **kv** and **pointer-chase** have no counterpart in the papers; they are there for what the
  papers' workloads lack: a footprint far beyond any TLB's reach. Their rows repeat little and compress badly.
"""


def main() -> None:
    """Write the page to stdout; arguments: the folder that facts are kept in, and workloads where not all are meant."""
    folder = Path(sys.argv[1])
    lines: dict[str, list[Line]] = {cpu: [] for cpu in build.CPUS}
    for run in (run for name in sys.argv[2:] or WORKLOADS for cpu in build.CPUS for run in runs_of(name, cpu)):
        machines = measured(run, folder)
        lines[run.cpu] += [Line(run, vm, facts) for vm, facts in enumerate(machines)]
        shell.say(f"{run.name}: {sum(facts['instructions'] for facts in machines):,} instructions")
    sys.stdout.write(page(lines, {cpu: build.image(cpu).digest for cpu in build.CPUS}))


if __name__ == "__main__":
    main()
