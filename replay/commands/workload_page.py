"""The page of workloads: ``make workloads`` records each at its default sizes, counts it and writes the tables."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import models
from replay import document as results
from replay import shell
from replay.count import Counts
from replay.facts import facts
from replay.info import describe
from replay.machine import load_machine
from replay.prepare import prepare
from tracegen import build
from tracegen.record import record
from tracegen.workloads import WORKLOADS

BARE = {"mips64": ("native", "flash-1997"), "x86-64": ("native-walk", "skylake-2017")}
"""CPU -> the model and machine that its guests are counted on."""

MISSES = {"native": ("utlb_refill",), "native-walk": ("page_walk",)}
"""Model -> counters of TLB misses that hardware's last level does not serve."""

CALLS_SHOWN, DIGEST_SHOWN = 4, 16
USER, BOOT, IDLE = "USER", "BOOT", "IDLE"

Row = Mapping[str, Any]


def measured(name: str, cpu: str, folder: Path) -> Row:
    """The facts of a workload at its default sizes, from ``folder`` where this image's are kept there."""
    image = build.image(cpu)
    kept = folder / f"{name}-{cpu}.json"
    if kept.exists() and (row := json.loads(kept.read_text()))["image"] == image.digest:
        return dict(row)
    folder.mkdir(parents=True, exist_ok=True)
    trace = folder / f"{name}-{cpu}.arrow"
    record(name, cpu=cpu, output=trace)
    row = {"image": image.digest} | _facts_of(trace, cpu)
    trace.unlink()
    kept.write_text(json.dumps(row, indent=1) + "\n")
    return row


def _facts_of(trace: Path, cpu: str) -> dict[str, Any]:
    described, prepared = describe(str(trace)), prepare(str(trace), use_cache=False)
    model, machine = BARE[cpu]
    bare = models.load(model)
    document, counts = results.run(prepared, bare, bare, load_machine(machine))
    known = {field: described[field] for field in ("status", "rows", "bytes", "pages", "arguments")}
    return known | facts(prepared) | _charged(document, counts, model)


def _charged(document: Row, counts: Counts, model: str) -> dict[str, Any]:
    """Instructions of the kernel's services, TLB misses and references, and what share of the time is whose."""
    cycles = {line["service"]: line["cycles"] for line in document["services"]}
    whole = sum(cycles.values())
    user, idle = cycles.get(USER, 0), cycles.get(IDLE, 0)
    kernel = counts.by_place()[:, counts.counters.index("kernel_instructions")]
    return {
        "kernel_instructions": sum(
            n for place, n in zip(counts.places, kernel.tolist(), strict=True) if place.service not in (BOOT, IDLE)
        ),
        "misses": sum(counts.total(counter) for counter in MISSES[model]),
        "references": counts.total("references"),
        "user": user / whole,
        "kernel": (whole - user - idle) / whole,
        "idle": idle / whole,
    }


def page(rows: Mapping[str, Mapping[str, Row]]) -> str:
    """The page's text; ``rows`` are facts by CPU and workload."""
    missing = [name for name in WORKLOADS if any(name not in found for found in rows.values())]
    parts = [HEAD, *(["", f"Without figures here: {', '.join(f'`{name}`' for name in missing)}."] if missing else [])]
    for cpu, found in rows.items():
        parts += ["", f"## On {cpu}", "", *_sizes(found, cpu), "", *_entries(found, cpu)]
    return "\n".join([*parts, "", PAPERS])


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _heading(*cells: str) -> list[str]:
    return [_line(*cells), _line("---", *["---:"] * (len(cells) - 1))]


def _sizes(rows: Mapping[str, Row], cpu: str) -> Iterator[str]:
    model, machine = BARE[cpu]
    images = ", ".join(f"`{digest[:DIGEST_SHOWN]}`" for digest in sorted({row["image"] for row in rows.values()}))
    yield f"Time and TLB misses are those of `{model}` on `{machine}`. The guest's image: {images}."
    yield ""
    yield from _heading(
        *("workload", "M instr.", "M rows", "bytes a row", "pages", "TLB misses / 1,000 refs"),
        *("user", "kernel", "idle", "disk requests"),
    )
    for name, row in rows.items():
        yield _line(
            f"`{name}`",
            f"{row['instructions'] / 1e6:,.1f}",
            f"{row['rows'] / 1e6:,.1f}",
            f"{row['bytes'] / row['rows']:.2f}",
            f"{row['pages']:,}",
            f"{_digits(1000 * row['misses'] / row['references'])}",
            *(f"{row[share]:.1%}" for share in ("user", "kernel", "idle")),
            f"{row['disk_requests']:,}",
        )


def _entries(rows: Mapping[str, Row], cpu: str) -> Iterator[str]:
    changes = ("tlb_writes", "TLB writes") if cpu == "mips64" else ("invalidations", "invalidations")
    yield "What the kernel does each time that it is entered, TLB refills left out:"
    yield ""
    yield from _heading(
        *("workload", "entries / M instr.", "calls", "faults", "interrupts", "instr. / entry"),
        *("privileged / entry", f"{changes[1]} / entry", "table stores / entry", "most frequent calls"),
    )
    for name, row in rows.items():
        entries = row["entries"]
        each = (row[what] / entries for what in ("kernel_instructions", "privileged", changes[0], "table_stores"))
        yield _line(
            f"`{name}`",
            f"{_digits(1e6 * entries / row['instructions'])}",
            *(f"{row['by_kind'].get(kind, 0) / entries:.0%}" for kind in ("calls", "faults", "interrupts")),
            *(_digits(value) for value in each),
            _mix(row["calls"]),
        )


def _mix(calls: Mapping[str, int]) -> str:
    whole = sum(calls.values())
    dearest = sorted(calls.items(), key=lambda item: -item[1])[:CALLS_SHOWN]
    return ", ".join(f"{name} {n / whole:.0%}" for name, n in dearest)


def _digits(value: float) -> str:
    """Three digits of a figure, in full."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


HEAD = """# The workloads in figures

Made by `make workloads`, which runs every workload at its default sizes on one vCPU of either CPU; figures move
with the guest's kernel, and with nothing else. `tracegen workloads` lists the sizes. Rows are of the trace; pages
are virtual pages, each counted once an address space. An entry of the kernel is a system call, a fault that the
guest's own tables explain, or an interrupt. Privileged instructions are those outside TLB refills."""

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
    rows: dict[str, dict[str, Row]] = {cpu: {} for cpu in build.CPUS}
    for name in sys.argv[2:] or WORKLOADS:
        for cpu in build.CPUS:
            rows[cpu][name] = measured(name, cpu, folder)
            shell.say(f"{name} on {cpu}: {rows[cpu][name]['instructions']:,} instructions")
    sys.stdout.write(page(rows))


if __name__ == "__main__":
    main()
