"""Windows: a guest runs without a recording up to a point, and its trace begins there, or its state is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from replay.errors import UserError, unknown
from tracegen import abi, filesystem, marks
from tracegen.boot import Boot
from tracegen.cpu.machine import MARK
from tracegen.machine import Machine

REFILLS = {service.value for service, klass in abi.SERVICE_CLASSES.items() if klass == "REFILL"}


@dataclass(frozen=True)
class Skip:
    """Where a window begins: behind so many instructions, or where the workload's mark, by name or number, does."""

    instructions: int | None = None
    mark: str | None = None


def fast_forward(boot: Boot, machine: Machine, skip: Skip, progress: Callable[[int], None] | None = None) -> int | None:
    """Run a machine that ``boot`` started to where ``skip`` says, unrecorded; gives the mark that has just begun.

    No window begins inside a refill, whose exception a model has to have seen: it is run to its end.
    Raises UserError for an unknown mark, and where the guest ends before.
    """
    mark = None if skip.mark is None else find_mark(boot, skip.mark)
    ended = machine.run(None, skip.instructions, progress, to_mark=mark)
    if mark is not None and ended.reason == MARK:
        _leave_refill(machine)
        return mark
    if mark is None and ended.status is None and machine.instructions >= (skip.instructions or 0) - 1:
        _leave_refill(machine)
        return None
    how = f"ended with status {ended.status}" if ended.status is not None else f"stopped ({ended.reason})"
    wanted = f"mark {skip.mark} began" if mark is not None else "then"
    raise UserError(f"the guest {how} after {ended.instructions} instructions, before {wanted}; skip less")


def _leave_refill(machine: Machine) -> None:
    while REFILLS & {machine.service(base) for base in machine.bases()}:
        machine.run(None, 2)


def find_mark(boot: Boot, name: str) -> int:
    """The number of a mark of the workload by its name, or by its number as text.  Raises UserError."""
    known = {text: number for number, text in marks.names(filesystem.read(boot.image.disk)[boot.words[0]])}
    if name.isdecimal():
        return int(name)
    if name not in known:
        raise unknown(f"mark of {boot.words[0]}", name, known)
    return known[name]
