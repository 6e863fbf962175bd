"""Every workload under every model: on both CPUs, on one vCPU and where it can use them on eight, and in sessions."""

from __future__ import annotations

from pathlib import Path

import pytest

import models
from replay.commands.workload_runs import BARE, Run, compared, recorded, runs_of
from replay.prepare import prepare
from tracegen import build
from tracegen.workloads import WORKLOADS

MOST = 800_000
"""Instructions of a machine: many workloads come to their end before, of others it is their beginning."""
LIMIT = "instructions ran without the guest's exit"
"""How a reason ends that the recorder gives where it cut a run."""

SMALL = {
    "gups": {"words": 512, "updates": 100},
    "radix": {"keys": 2000, "radix": 64},
    "pmakes": {"trees": 2},
    "engineering": {"circuits": 1, "gates": 256, "cycles": 2, "memories": 1, "lines": 512, "accesses": 64},
    "raytrace": {"width": 16, "height": 12, "spheres": 3, "depth": 1},
    "database-dss": {"orders": 20, "rounds": 1, "frames": 8},
    "database-ir": {"documents": 20, "words": 1024, "queries": 5, "frames": 8},
    "database-oltp": {"accounts": 50, "clients": 2, "requests": 3, "frames": 16},
    "forkwait": {"children": 20},
    "largeram": {"pages": 100, "rounds": 2},
    "lmbench": {"rounds": 1},
    "interp": {"rounds": 1},
    "dbench": {"clients": 2, "requests": 10},
    "pointer-chase": {"pages": 300, "steps": 1000},
    "compress": {"bytes": 2000, "rounds": 1},
    "graph": {"vertices": 300, "degree": 3},
    "kv": {"items": 60, "requests": 300},
    "ttcp": {"buffers": 6, "bytes": 4096},
    "web": {"workers": 2, "clients": 2, "requests": 3},
    "nfs": {"rounds": 1},
}
"""Workload -> sizes smaller than its defaults."""
RUNS = [run for name in WORKLOADS for cpu in build.CPUS for run in runs_of(name, cpu)]


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
def test_every_model_is_charged_with_every_workload(run: Run, tmp_path: Path) -> None:
    """None refuses the trace of any machine; trap-emulate alone, and on x86-64, says that the guest would go wrong."""
    bare = {name for name, _ in BARE.values()}
    labels = {name: entry.fidelity[run.cpu] for name, entry in models.BUILT_IN.items() if name not in bare}
    wrong = {("trap-emulate", "x86-64")}

    summaries = recorded(run, tmp_path, SMALL.get(run.workload), MOST)
    is_cut = any(summary.reason.endswith(LIMIT) for summary in summaries)

    assert is_cut or {0} == {summary.status for summary in summaries}
    for summary in summaries:
        found = compared(prepare(str(summary.path), use_cache=False))

        assert labels == {name: model["label"] for name, model in found.items()}
        assert all(0 < model["overhead"] < 1000 and 0 < model["busy"] < 1000 for model in found.values())
        assert [(name, run.cpu) in wrong for name in found] == [model["incorrect"] > 0 for model in found.values()]
