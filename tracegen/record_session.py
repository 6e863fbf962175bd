"""Record a session: several machines on one network, each with a trace of its own in one folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from replay.errors import UserError, remedy
from tracegen.abi_net import MOST_STATIONS
from tracegen.interrupts import Interrupts
from tracegen.record import Progress, RecordSummary, close, meta_of, session_id, summary_of
from tracegen.session import Session, Vm
from tracegen.switch import Link
from tracegen.writer import TraceWriter


def record_session(
    vms: Sequence[Vm],
    link: Link,
    *,
    output: Path,
    max_instructions: int | None = None,
    progress: Progress | None = None,
) -> list[RecordSummary]:
    """Boot the machines, run them together and write ``vm0.arrow``, ``vm1.arrow``, ... into the new folder ``output``.

    The session ends when all machines that are not in the background have ended, or one of them fails or has run
    ``max_instructions``: the others' traces are kept up to there, those that did not come to their end marked
    incomplete.  Raises UserError for wrong sizes and places, and leaves nothing behind on any error.
    """
    check(vms, link)
    with _new_folder(output), ExitStack() as stack:
        session = Session(vms, link)
        name = session_id([vm.boot for vm in vms])
        paths = [output / f"vm{member.number}.arrow" for member in session.members]
        machines = [(member.vm.boot, member.machine) for member in session.members]
        writers = [
            stack.enter_context(TraceWriter(path, meta_of(*machine, name)))
            for path, machine in zip(paths, machines, strict=True)
        ]
        interrupts = stack.enter_context(Interrupts())
        retired = [0] * len(vms)
        for member, writer in zip(session.members, writers, strict=True):
            member.start(writer.write, max_instructions, _part_of(retired, member.number, progress), interrupts.reason)
        session.run()
        summaries = []
        for member, writer, path in zip(session.members, writers, paths, strict=True):
            result = member.ended()
            closing = close(writer, result)
            summaries.append(summary_of(member.vm.boot, member.machine, result, closing, path, 0, interrupts.signal))
        return summaries


def check(vms: Sequence[Vm], link: Link) -> None:
    """Raise UserError for machines that cannot be one session."""
    if not 1 <= len(vms) <= MOST_STATIONS:
        raise UserError(f"a session of {len(vms)} machines: give it 1 to {MOST_STATIONS}")
    if all(vm.background for vm in vms):
        raise UserError("every machine of the session is in the background: nothing would end it; leave one out of it")
    if link.latency < 1:
        raise UserError("a link without latency: machines that run together need some; give at least 5ns")


def _part_of(retired: list[int], number: int, progress: Progress | None) -> Callable[[int], None] | None:
    """Progress of one machine, told as that of all."""
    if progress is None:
        return None

    def tell(instructions: int) -> None:
        retired[number] = instructions
        progress(sum(retired))

    return tell


@contextmanager
def _new_folder(folder: Path) -> Iterator[None]:
    """A folder that is empty now, and gone again if it is not filled."""
    if folder.is_file():
        raise UserError(f"{folder} is a file; name a folder with -o")
    try:
        made = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise UserError(f"{folder}: the folder is not empty; name a new one with -o")
    except OSError as error:
        raise UserError(f"{folder}: {remedy(error)}") from None
    try:
        yield
    except BaseException:
        if made:
            folder.rmdir()
        raise
