"""What ``tracegen run`` says of a recording that has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from replay import shell

if TYPE_CHECKING:
    from tracegen.record import RecordSummary


def show(summary: RecordSummary, name: str = "guest") -> None:
    """Print the console, and what was written; ``name`` is the machine's."""
    from tracegen.console import shorten

    for line in shorten(summary.console.splitlines()):
        print(f"{name}: {line}")
    print(
        f"{summary.path}: {summary.rows:,} rows of {summary.bytes / summary.rows:.2f} bytes each,"
        f" from {summary.instructions:,} instructions"
    )


def judge(summary: RecordSummary, *, limited: bool) -> None:
    """Say how a guest failed or was cut short, as an error unless that was asked for by a limit."""
    if summary.state is None:
        return
    for line in summary.state.lines():
        shell.say(line)
    remedy = f"; {summary.state.remedy}" if summary.state.remedy else ""
    told = f"{summary.path} holds its trace up to there, marked incomplete"
    if summary.reason == "exit":
        told = f"the guest's workload failed with status {summary.status}{remedy}; {told}"
        raise shell.GuestFailureError(told)
    if summary.signal is not None:
        raise shell.GuestFailureError(f"{summary.reason}; {told}", code=128 + summary.signal)
    told = f"the guest stopped without finishing ({summary.reason}){remedy}; {told}"
    if not limited:
        raise shell.GuestFailureError(told)
    shell.say(told)
