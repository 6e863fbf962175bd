"""What studies charge: result documents of guests under models, each recorded, prepared and counted once.

Guests are independent of each other, so that as many are worked on at a time as there are processors, each in a process
of its own.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from replay import shell
from replay.entrants import Entrant
from replay.errors import UserError
from replay.start import INTERRUPTED

if TYPE_CHECKING:
    from replay.machine import Machine
    from replay.model import Model
    from replay.prepare import Prepared
    from replay.sched.charge import Counted
    from replay.sched.consolidate import Consolidation

MOST_AT_ONCE = 2
"""Guests worked on at a time: each holds a prepared trace, and counting is bound by memory."""

UNTIL = "until_end_of"
"""Of a recipe: the mark of the workload whose last end is the end of what is counted."""

WINDOW = "window"
"""Of a recipe of a session: the mark of the workload that is open on one of the machines while it is counted."""

ONE_INTERVAL = 10**15
"""Instructions of an interval that no recording is longer than."""

KILLED = "a process that worked on a guest was killed, perhaps for want of memory; close other programs and try again"

Document = dict[str, Any]


@dataclass(frozen=True)
class Ask:
    """One result document: of a guest, under a model on a machine, at prices.

    ``vms`` recordings of the guest with the seeds from 1 on are virtual machines side by side; 0: one as it is.  Of a
    ``footprint`` only the memory at the end is asked; ``beside``: also what it takes on bare hardware.
    """

    recipe: Mapping[str, Any]
    model: str
    machine: str | None
    settings: Mapping[str, Any]
    prices: Mapping[str, Any]
    vms: int = 0
    footprint: bool = False
    beside: bool = False

    @property
    def guest(self) -> str:
        """What it is recorded from."""
        from replay.commands.study_traces import RECIPE

        return _key({name: self.recipe[name] for name in (*RECIPE, UNTIL, WINDOW) if name in self.recipe}, self.vms)

    @property
    def key(self) -> str:
        """What it is known by."""
        return _key(self.guest, self.model, self.machine, self.settings, self.prices, self.footprint, self.beside)


def _key(*parts: Any) -> str:
    return json.dumps(parts, sort_keys=True)


def charge_all(asks: Iterable[Ask]) -> dict[str, Document]:
    """The documents of ``asks`` by key.  Raises UserError."""
    tasks: dict[str, dict[str, Ask]] = {}
    for ask in asks:
        tasks.setdefault(ask.guest, {})[ask.key] = ask
    at_once = min(MOST_AT_ONCE, len(os.sched_getaffinity(0)), len(tasks))
    if at_once <= 1:
        return {key: one for task in tasks.values() for key, one in charge_guest(list(task.values())).items()}
    found: dict[str, Document] = {}
    context = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(at_once, context, _work_beside_others) as pool,
        shell.Progress("recording and counting guests", "guests") as progress,
    ):
        waiting = [pool.submit(_charge_beside_others, list(task.values())) for task in _longest_first(tasks.values())]
        try:
            for done, future in enumerate(as_completed(waiting), 1):
                found |= future.result()
                progress(done, len(waiting))
        except BaseException as error:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in multiprocessing.active_children():  # a kill came to this one alone
                process.terminate()
            if isinstance(error, BrokenExecutor):
                raise UserError(KILLED) from None
            raise
    return found


def _work_beside_others() -> None:
    """Let a process show no progress: lines would overwrite each other.  A kill ends it as Ctrl-C does."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def _charge_beside_others(asks: Sequence[Ask]) -> dict[str, Document]:
    try:
        return charge_guest(asks)
    except KeyboardInterrupt:
        os._exit(INTERRUPTED)  # the pool would go on with what is queued


def _longest_first(tasks: Iterable[Mapping[str, Ask]]) -> list[Mapping[str, Ask]]:
    """Tasks in an order that leaves no long one for the end: by what the sizes of their guests multiply to."""
    return sorted(tasks, key=lambda task: -_size(next(iter(task.values())).recipe))


def _size(recipe: Mapping[str, Any]) -> int:
    found = int(recipe.get("vcpus", 1))
    for value in recipe.get("arguments", {}).values():
        found *= max(1, int(value))
    return found


def charge_guest(asks: Sequence[Ask]) -> dict[str, Document]:
    """The documents, by key, of asks about one guest.  Raises UserError."""
    from replay.commands.study_traces import traces_of
    from replay.sched.consolidate import consolidate
    from replay.sched.schedule import make_schedule

    traces = [str(trace) for trace in traces_of(asks[0].recipe, asks[0].vms)]
    prepared = _prepared(asks[0].recipe, traces, streams=len(traces) == 1 and not any(ask.footprint for ask in asks))
    guest = Guest(asks[0].recipe["workload"], consolidate(prepared, make_schedule(), traces))
    return guest.documents(asks)


def _prepared(recipe: Mapping[str, Any], traces: Sequence[str], *, streams: bool) -> list[Prepared]:
    """The traces of a guest, as much of them as is counted; where it ``streams``, without room for all of the rows."""
    from replay.commands.charge import prepare
    from replay.sched.window import window_of
    from replay.streamed import stream
    from replay.until import until_end_of

    if streams and WINDOW not in recipe and (streamed := stream(traces[0], recipe.get(UNTIL, ""))):
        return [streamed]
    prepared = [prepare(trace, cache=False) for trace in traces]
    if UNTIL in recipe:
        prepared = [until_end_of(one, recipe[UNTIL]) for one in prepared]
    return window_of(prepared, recipe[WINDOW]) if WINDOW in recipe else prepared


class Guest:
    """A guest's recordings as virtual machines of one machine, and what was counted of them so far."""

    def __init__(self, name: str, machines: Consolidation) -> None:
        self._name, self._machines = name, machines
        self._known: dict[str, Counted] = {}

    def documents(self, asks: Sequence[Ask]) -> dict[str, Document]:
        """The documents that are asked for, by key; what is counted as rows are decoded is counted side by side.

        Raises UserError.
        """
        if self._machines.prepared.feed:
            self._count_together(asks)
        return {ask.key: self._document(ask) for ask in asks}

    def _document(self, ask: Ask) -> Document:
        """The document that is asked for; of a bar nobody asks how it compares with bare hardware."""
        from replay.sched.charge import price_together

        model, hardware = self._asked(ask)
        ours, bare = self._counted(model, hardware, ask), model
        if ask.footprint:
            return ours.counts.footprint
        if ask.beside:
            bare = self._bare(model)
            ours = ours._replace(bare=self._counted(bare, hardware, ask).own)
        return price_together(ours, model, bare, hardware, ask.prices)

    def _asked(self, ask: Ask) -> tuple[Model, Machine]:
        import models
        from replay import api

        prepared = self._machines.prepared
        model = models.load(ask.model, prepared.meta.architecture)
        return model, api.hardware_for(model, prepared.meta, ask.machine)

    def _bare(self, model: Model) -> Model:
        import models

        return models.load(model.baseline)

    def _count_together(self, asks: Sequence[Ask]) -> None:
        from replay.count import count_each
        from replay.sched.charge import Counted

        wanted = {}
        for ask in asks:
            model, hardware = self._asked(ask)
            for one in (model, *([self._bare(model)] if ask.beside else [])):
                there, settings = self._there(one, hardware, ask)
                wanted[_key(there.name, hardware.name, settings, ask.footprint)] = there, hardware, settings
        with shell.Progress(f"charging {self._name}") as progress:
            found = count_each(self._machines.prepared, list(wanted.values()), progress)
        self._known |= {key: Counted(one, [one], [one]) for key, one in zip(wanted, found, strict=True)}

    def _there(self, model: Model, machine: Machine, ask: Ask) -> tuple[Model, dict[str, Any]]:
        """The model as it is on the machine, and which of the settings are its own."""
        from replay.entrants import taken
        from replay.memory.parameters import on_machine

        there = on_machine(model, machine, ask.settings)
        return there, dict(taken(ask.settings, there))

    def _counted(self, model: Model, machine: Machine, ask: Ask) -> Counted:
        from replay.sched.charge import count_together

        there, settings = self._there(model, machine, ask)
        key = _key(there.name, machine.name, settings, ask.footprint)
        if key not in self._known:
            alone, interval = Entrant(there, there, machine), ONE_INTERVAL if ask.footprint else 0
            with shell.Progress(f"charging {self._name} to {there.name}") as progress:
                self._known[key] = count_together(self._machines, alone, settings, progress, interval)
        return self._known[key]
