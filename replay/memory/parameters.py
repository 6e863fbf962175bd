"""Parameters of memory, and what a model is on a machine with caches: the same mechanisms, with counters more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from replay.errors import UserError
from replay.hw import caches
from replay.machine import Machine
from replay.memory import cached, policy
from replay.memory.contention import LOCAL, REMOTE
from replay.model import FREE, Access, Cost, Model, price
from replay.records import Parameter

CACHES = "memory.caches"
"""The parameter that turns caches on."""

CONTENTION = "memory.contention"
"""The parameter that lets requests queue at the controllers of nodes."""

ROUND_ROBIN, FIRST_TOUCH, STRIPED, BLOCKED = "round-robin", "first-touch", "striped", "blocked"
LAYOUTS = (ROUND_ROBIN, FIRST_TOUCH, STRIPED, BLOCKED)
WALKS = ("second", "first")

PARAMETERS = (
    Parameter(CACHES, 0, "count", 0, 1, "assumed", "1: caches are simulated; 0: a reference costs a price"),
    *caches.PARAMETERS,
    Parameter("memory.nodes", 0, "count", 0, 16, "assumed", "that hold memory; 0: as many as the CPUs make"),
    Parameter("memory.cpus_per_node", 1, "count", 1, 16, "assumed", "CPUs of each node"),
    Parameter(
        "memory.layout", ROUND_ROBIN, "policy", 0, 0, "assumed", "which node holds a page of bare memory", LAYOUTS
    ),
    Parameter(
        "memory.walks", "second", "policy", 0, 0, "assumed", "cache level that hardware walks look in first", WALKS
    ),
    Parameter(CONTENTION, 0, "count", 0, 1, "assumed", "1: requests wait for a node's controller; 0: they never do"),
    Parameter(
        "memory.window", 1_000_000, "instructions", 1000, 2**40, "assumed", "over which requests to a node queue"
    ),
)
"""Parameters of every model on a machine that says whether it has caches."""

PLACING = (
    Parameter(
        "numa.placement", FIRST_TOUCH, "policy", 0, 0, "assumed", "which node a page is put on at first", LAYOUTS
    ),
    Parameter("numa.migrate", 1, "count", 0, 1, "assumed", "1: pages that one node uses are moved to it"),
    Parameter("numa.replicate", 1, "count", 0, 1, "assumed", "1: pages that several nodes read are copied to each"),
    Parameter(
        "numa.trigger", 128, "count", 1, 2**31, "assumed", "misses of a CPU on a page that make it hot; recalled"
    ),
    Parameter("numa.sharing", 32, "count", 1, 2**31, "assumed", "misses of another node that make it shared; recalled"),
    Parameter("numa.write", 1, "count", 1, 2**31, "assumed", "write misses that make it write-shared; recalled"),
    Parameter("numa.migrations", 1, "count", 1, 2**31, "assumed", "of a page in an interval, at most; recalled"),
    Parameter("numa.reset", 40_000_000, "instructions", 1000, 2**40, "assumed", "interval: 100 ms at 400 MHz, CPI 1"),
    Parameter("numa.moves", 16, "count", 1, 2**31, "assumed", "of a page as long as it is in use, at most"),
)
"""Parameters besides, of a model that places pages.  The Disco paper prints no threshold; recalled are those of
Verghese et al., ASPLOS 1996, from which its policy comes."""

COSTS: dict[str, Cost] = {
    "l2_hit": price("l2_hit"),
    "dirty_miss": price("dirty_miss"),
    "line_lost": FREE,
    "write_back": FREE,
    "table_reference": FREE,
    "table_l2_hit": price("l2_hit"),
}
PLACING_COSTS: dict[str, Cost] = {
    "hot_page": price("hot_page"),
    "migration": price("page_migration"),
    "replication": price("page_replication"),
    "collapse": price("page_collapse"),
    "replica_dropped": FREE,
    "page_shootdown": price("page_shootdown"),
}
BARE = "bare_"
"""How the primitives begin that say how long requests wait without a monitor: both sides of a result have their own."""

STALL = "stall."
"""How the primitives begin that stand for all caches where none are simulated."""

ONCE = ("walk_reference",)
"""Primitives that price a reference to page tables where no caches are simulated: what it takes is counted instead."""


def mentioned(machine: Machine, given: Mapping[str, Any]) -> bool:
    """Whether the machine or the user says if there are caches."""
    return CACHES in given or CACHES in machine.parameters


def turned_on(machine: Machine, given: Mapping[str, Any]) -> bool:
    """Whether caches are to be simulated."""
    switch = PARAMETERS[0]
    return bool(
        switch.parse(given.get(CACHES, machine.parameters[CACHES].value if CACHES in machine.parameters else 0))
    )


def on_machine(model: Model, machine: Machine, given: Mapping[str, Any]) -> Model:
    """``model`` as it is on ``machine`` with what the user gives: with caches it has their counters and parameters.

    What is told of memory then replaces the price of a reference that stood for it.  A model that is one already is
    returned as it is.  Raises UserError for a parameter of caches on a machine that has none.
    """
    mine = (*PARAMETERS, *(PLACING if model.places else ()))
    known = {parameter.name for parameter in mine}
    if known & {parameter.name for parameter in model.parameters}:
        return model
    if not mentioned(machine, given):
        for name in given:
            if name in known:
                raise UserError(
                    f"parameter {name} belongs to a machine with caches, which {machine.name} is not; "
                    f"choose --machine flash-1997-numa or add --set {CACHES}=1"
                )
        return model
    parameters = (*model.parameters, *mine)
    if not turned_on(machine, given):
        return replace(model, parameters=parameters)
    events = {**cached.EVENTS, **(policy.EVENTS if model.places else {})}
    costs = COSTS | served_costs(model) | (PLACING_COSTS if model.places else {})
    rows = [row._replace(may=(*row.may, *costs)) if Access.HIT in row.events else row for row in model.reactions]
    return replace(
        model,
        parameters=parameters,
        events={**model.events, **events},
        reactions=tuple(rows),
        costs={name: without_stalls(cost) for name, cost in model.costs.items()} | costs,
    )


def served_costs(model: Model) -> dict[str, Cost]:
    """Costs of what a node's memory serves: its latency, and the wait for its controller."""
    sides = tuple(zip(("local", "remote"), wait_names(model.baseline == model.name), strict=True))
    return {name: price(f"{side}_miss") + price(wait) for name in cached.NAMES for side, wait in sides if side in name}


def wait_names(bare: bool) -> tuple[str, str]:
    """The primitives of waits for the near node and for a far one, under a monitor or on bare hardware."""
    return (BARE + LOCAL, BARE + REMOTE) if bare else (LOCAL, REMOTE)


def without_stalls(cost: Cost) -> Cost:
    """``cost`` without the primitives that stand for what caches take."""
    return Cost(tuple(term for term in cost.terms if not term[0].startswith(STALL) and term[0] not in ONCE))
