"""The ``replay`` command line: charge a recorded trace to virtualization models.

Everything heavy is imported inside the command that needs it, so that ``--help`` and shell completion stay quick.
"""

from __future__ import annotations

import importlib.metadata
import sys

import typer

from replay import shell
from replay.commands import charge, explain, lists, report, sensitivity, study, sweep

ENTRY_POINTS = "vmreplay.commands"
"""Entry-point group of third parties' commands: ``name = "module:app"``, a Typer application."""

app = shell.application(
    "Charge one recorded guest to virtualization designs: what would it have cost, and why?",
    "replay compare radix.arrow",
    "replay run radix.arrow --model disco",
)


def main() -> None:
    """Run the command line in this process."""
    add_third_parties(app)
    sys.exit(shell.run(app, "replay"))


def add_third_parties(to: typer.Typer) -> None:
    """Add the commands that other distributions offer; one that does not load costs a line on stderr, no more."""
    for point in sorted(importlib.metadata.entry_points(group=ENTRY_POINTS), key=lambda p: p.name):
        try:
            to.add_typer(point.load(), name=point.name)
        except Exception as error:  # noqa: BLE001 - whatever a third party's module does when imported
            shell.say(f"notice: command {point.name} does not load from {point.value} ({error})")


app.command("run", short_help="Charge a trace to one model.", epilog=charge.RUN_EXAMPLES)(charge.run)
app.command("compare", short_help="Charge a trace to every model.", epilog=charge.COMPARE_EXAMPLES)(charge.compare)
app.command("sweep", short_help="Charge traces at every point of a grid.", epilog=sweep.SWEEP_EXAMPLES)(sweep.sweep)
app.command("report", short_help="Make a page of results.", epilog=report.REPORT_EXAMPLES)(report.report)
app.command("sensitivity", short_help="Say which prices matter.", epilog=sensitivity.SENSITIVITY_EXAMPLES)(
    sensitivity.sensitivity
)
app.command("info", short_help="Show what is in a trace.", epilog=lists.INFO_EXAMPLES)(lists.info)
app.command("study", short_help="Run a published table or figure, ours beside it.", epilog=study.STUDY_EXAMPLES)(
    study.study
)
app.command("models", short_help="List the models.", epilog=lists.MODELS_EXAMPLES)(lists.models)
app.command("machines", short_help="List the machines.", epilog=lists.MACHINES_EXAMPLES)(lists.machines)
app.command("explain", short_help="Explain a model, or what it did row by row.", epilog=explain.EXPLAIN_EXAMPLES)(
    explain.explain
)
