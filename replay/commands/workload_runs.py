"""Runs of workloads for their page: each recorded, its facts counted, every model's charge compared; kept by run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import models
from replay import api, sources
from replay import document as results
from replay.count import Counts
from replay.errors import UserError
from replay.facts import facts
from replay.info import describe
from replay.machine import load_machine
from replay.prepare import Prepared, prepare
from replay.store import open_store
from reports.breakdown import is_bare
from tracegen import build
from tracegen.boot import workload_boot
from tracegen.record import RecordSummary, record_boot
from tracegen.record_session import record_session
from tracegen.session import Vm
from tracegen.switch import Link
from tracegen.workloads import JOINED, PARALLEL

BARE = {"mips64": ("native", "flash-1997"), "x86-64": ("native-walk", "skylake-2017")}
"""CPU -> the model and machine that its guests are counted on."""

MISSES = {"native": ("utlb_refill",), "native-walk": ("page_walk",)}
"""Model -> counters of TLB misses that hardware's last level does not serve."""

USER, BOOT, IDLE = "USER", "BOOT", "IDLE"
MANY = 8
"""vCPUs of those that can use several."""
PAIR = 2
"""Machines of a session."""

Row = Mapping[str, Any]


class Run(NamedTuple):
    """A workload on a machine with some vCPUs, or on several machines joined by a network."""

    workload: str
    cpu: str
    vcpus: int = 1
    vms: int = 1

    @property
    def name(self) -> str:
        """What its facts are kept under."""
        return f"{self.workload}-{self.cpu}-{self.vcpus}" + f"-{self.vms}vms" * (self.vms > 1)

    @property
    def sizes(self) -> Mapping[str, int]:
        """Arguments of the workload that are not at their defaults."""
        return PARALLEL[self.workload] if self.vcpus > 1 else {}


def runs_of(workload: str, cpu: str) -> Iterator[Run]:
    """The runs of a workload that the page shows."""
    yield Run(workload, cpu)
    if workload in PARALLEL:
        yield Run(workload, cpu, vcpus=MANY)
    if workload in JOINED:
        yield Run(workload, cpu, vms=PAIR)


def measured(run: Run, folder: Path) -> Sequence[Row]:
    """Facts and comparison of each machine of a run, from ``folder`` where those of this image and engine are kept.

    Raises UserError where the workload's own check fails, or a model cannot be charged.
    """
    follows_from = {"image": build.image(run.cpu).digest, "engine": sources.digest("replay.count")}
    store, name = open_store(str(folder)), f"{run.name}.json"
    kept = json.loads(store.read(name) or b"{}")
    if follows_from.items() <= kept.items():
        return list(kept["machines"])
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder) as place:
        rows = [_row(summary) for summary in recorded(run, Path(place))]
    store.write(name, f"{json.dumps({**follows_from, 'machines': rows}, indent=1)}\n".encode())
    return rows


def recorded(
    run: Run, folder: Path, sizes: Mapping[str, int] | None = None, max_instructions: int | None = None
) -> list[RecordSummary]:
    """Record a run in ``folder``, a trace of each machine; ``sizes`` go before its own, ``max_instructions`` cut it."""
    boot = workload_boot(run.workload, {**(sizes or {}), **run.sizes}, run.cpu, vcpus=run.vcpus)
    if run.vms == 1:
        return [record_boot(boot, output=folder / "vm0.arrow", max_instructions=max_instructions)]
    return record_session([Vm(boot)] * run.vms, Link(), output=folder / "session", max_instructions=max_instructions)


def _row(summary: RecordSummary) -> dict[str, Any]:
    if summary.status != 0:
        raise UserError(f"the guest of {summary.path} did not find what it should: {summary.console.strip()}")
    described, prepared = describe(str(summary.path)), prepare(str(summary.path), use_cache=False)
    model, machine = BARE[prepared.meta.architecture]
    bare = models.load(model)
    document, counts = results.run(prepared, bare, bare, load_machine(machine))
    known = {field: described[field] for field in ("status", "rows", "bytes", "pages", "arguments")}
    return known | facts(prepared) | _charged(document, counts, model) | {"compared": compared(prepared)}


def compared(prepared: Prepared) -> dict[str, dict[str, Any]]:
    """Model -> what it makes of a trace: label, overhead, busy overhead, and how many instructions went wrong.

    Raises UserError where one cannot be charged.
    """
    documents, left_out = api.compare(prepared)
    if left_out:
        raise UserError(left_out[0]["reason"])
    return {
        document["model"]: {
            "label": document["fidelity"],
            "overhead": document["total"]["overhead"],
            "busy": document["busy"]["overhead"],
            "incorrect": (document["incorrect"] or {}).get("count", 0),
        }
        for document in documents
        if not is_bare(document)
    }


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
