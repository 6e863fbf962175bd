"""Parameters of memory, and what a model is on a machine with caches: the same mechanisms, with counters more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from replay.errors import UserError
from replay.hw import caches
from replay.machine import Machine
from replay.memory import cached
from replay.model import FREE, Access, Cost, Model, price
from replay.records import Parameter

CACHES = "memory.caches"
"""The parameter that turns caches on."""

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
    Parameter(
        "memory.window", 1_000_000, "instructions", 1000, 2**40, "assumed", "over which requests to a node queue"
    ),
)
"""Parameters of every model on a machine that says whether it has caches."""

COSTS: dict[str, Cost] = {
    "l2_hit": price("l2_hit"),
    "local_miss": price("local_miss"),
    "remote_miss": price("remote_miss"),
    "local_upgrade": price("local_miss"),
    "remote_upgrade": price("remote_miss"),
    "dirty_miss": price("dirty_miss"),
    "line_lost": FREE,
    "write_back": FREE,
    "table_reference": FREE,
    "table_l2_hit": price("l2_hit"),
    "table_local_miss": price("local_miss"),
    "table_remote_miss": price("remote_miss"),
}
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
    known = {parameter.name for parameter in PARAMETERS}
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
    parameters = (*model.parameters, *PARAMETERS)
    if not turned_on(machine, given):
        return replace(model, parameters=parameters)
    rows = [row._replace(may=(*row.may, *cached.NAMES)) if Access.HIT in row.events else row for row in model.reactions]
    return replace(
        model,
        parameters=parameters,
        events={**model.events, **cached.EVENTS},
        reactions=tuple(rows),
        costs={name: without_stalls(cost) for name, cost in model.costs.items()} | COSTS,
    )


def without_stalls(cost: Cost) -> Cost:
    """``cost`` without the primitives that stand for what caches take."""
    return Cost(tuple(term for term in cost.terms if not term[0].startswith(STALL) and term[0] not in ONCE))
