"""The command ``replay report``: a folder of results becomes something to look at."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from replay import shell
from replay.errors import UserError, remedy

REPORT_EXAMPLES = shell.examples(
    "replay run radix.arrow --model disco -o out",
    "replay report out -o report.html",
    "replay report disco xen -o both.html",
)


def report(
    folders: Annotated[
        list[Path],
        typer.Argument(
            help="Folders that `replay run -o`, `compare -o` or `sweep -o` wrote.",
            metavar="FOLDER...",
            show_default=False,
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.", show_default=False)],
) -> None:
    """Make one self-contained page of a folder of results, which computes again at prices that you move."""
    from replay.commands.report_input import read
    from reports.page import page

    write(output, page(*read(folders)).encode())
    shell.say(f"saved in {output}")


def write(path: Path, content: bytes) -> None:
    """Write ``content`` aside and rename it to ``path``.  Raises UserError."""
    if path.is_dir():
        raise UserError(f"{path}: is a folder; name a file")
    aside = path.with_name(f".{path.name}.new")
    try:
        aside.write_bytes(content)
        aside.replace(path)
    except OSError as error:
        raise UserError(f"{path}: {remedy(error)}") from None
    finally:
        aside.unlink(missing_ok=True)
