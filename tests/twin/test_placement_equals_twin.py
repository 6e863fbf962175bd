"""Pages on the nodes of a machine, as a monitor moves them, against a twin that knows every byte's last store."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import models
from replay.count import count, make_engine, settle
from replay.handmade import Script, handmade_meta
from replay.machine import load_machine
from replay.memory import cached, policy
from replay.memory.parameters import on_machine
from replay.prepare import Prepared
from replay.trace.schema import PAGE_BYTES, Kind

from .nodes import Nodes

TINY = {
    "memory.caches": 1,
    "l1i.bytes": 1024,
    "l1i.line": 64,
    "l1d.bytes": 1024,
    "l1d.line": 32,
    "l2.bytes": 4096,
    "l2.line": 128,
    "numa.trigger": 6,
    "numa.sharing": 2,
    "numa.reset": 1000,
    "numa.moves": 5,
    "numa.migrations": 1,
}
COUNTED = [n for n in (*cached.NAMES, *policy.NAMES) if n != "page_shootdown" and not n.startswith("table_")]
KINDS = {Kind.FETCH: "fetch", Kind.LOAD4: "load", Kind.STORE4: "store"}
CPUS = 4


def rows(seed: int) -> list[tuple[Kind, int, int, int, int]]:
    """(kind, CPU, frame, offset, instructions): pages that one CPU uses, that are read by all, and written by all."""
    dice, made = np.random.default_rng(seed), []
    for _ in range(6000):
        frame, cpu = int(dice.integers(20, 32)), int(dice.integers(CPUS))
        kind = Kind(int(dice.choice((Kind.FETCH, Kind.LOAD4, Kind.STORE4))))
        if frame < 24:
            cpu = (frame + len(made) // 1500) % CPUS
        elif frame < 29 and dice.random() < 0.99:
            kind = Kind.LOAD4
        freed = dice.random() < 0.002
        made.append((Kind.FREED if freed else kind, cpu, frame, int(dice.integers(64)) * 64, int(dice.integers(3))))
    return made


def script(made: list[tuple[Kind, int, int, int, int]]) -> Prepared:
    """The trace of such rows: frames are seen through the kernel's unmapped segment."""
    found = Script(handmade_meta(vcpus=CPUS))
    for kind, cpu, frame, offset, n in made:
        if kind == Kind.FREED:
            found.row(kind, frame, n=n, vcpu=cpu)
        else:
            found.row(kind, found.kernel(frame), offset, n, vcpu=cpu)
    return found.prepared()


def ours(prepared: Prepared, given: dict[str, Any]) -> dict[str, int]:
    """What Disco counts of its memory."""
    counts = count(prepared, models.load("disco"), load_machine("flash-1997"), given)
    return {name: counts.total(name) for name in COUNTED}


def twins(prepared: Prepared, made: list[tuple[Kind, int, int, int, int]], given: dict[str, Any]) -> dict[str, int]:
    """The same of the twin."""
    machine = load_machine("flash-1997")
    model = on_machine(models.load("disco"), machine, given)
    settings = settle(model, machine, prepared.meta, given)
    memory = make_engine(prepared, model, settings).memory
    nodes = Nodes(
        CPUS, int(memory.nodes), int(memory.policy.frames), prepared.meta.memory_bytes // PAGE_BYTES, settings
    )
    retired = [0] * CPUS
    for kind, cpu, frame, offset, n in made:
        retired[cpu] += n
        if kind == Kind.FREED:
            nodes.free(frame)
        else:
            nodes.refer(cpu, frame, offset, KINDS[kind], retired[cpu])
    return {name: nodes.counts[name] for name in COUNTED}


@pytest.mark.parametrize("placement", ["first-touch", "round-robin", "striped", "blocked"])
@pytest.mark.parametrize("each", [1, 2])
def test_pages_go_where_the_twins_go(placement: str, each: int) -> None:
    """Misses, near and far, moves, copies and collapses are the twin's, whatever the placement and the nodes."""
    given = TINY | {"numa.placement": placement, "memory.cpus_per_node": each}
    for seed in range(3):
        made = rows(seed)
        prepared = script(made)

        found = ours(prepared, given)

        assert twins(prepared, made, given) == found
        assert min(found[name] for name in ("migration", "replication", "collapse", "dirty_miss")) > 0
