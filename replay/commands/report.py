"""The command ``replay report``: a folder of results becomes something to look at."""

from __future__ import annotations

from enum import StrEnum
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


class Format(StrEnum):
    """What a report is made as."""

    HTML = "html"
    MD = "md"
    JSON = "json"
    CSV = "csv"
    SVG = "svg"
    PNG = "png"
    PERFETTO = "perfetto"


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
    form: Annotated[
        Format | None,
        typer.Option(
            "--format",
            help="What to make: a live page, text, data, a picture, or a timeline for Perfetto.",
            show_default="by the end of the file's name",
        ),
    ] = None,
) -> None:
    """Make a page of results that computes again at prices that you move; or text, data, a picture, a timeline."""
    chosen = form or _by_name(output)
    from replay.commands.report_input import read

    results, sweep = read(folders)
    if chosen == Format.HTML:
        from reports.page import page

        write(output, page(results, sweep).encode())
    else:
        from reports.static import FORMATS

        if chosen == Format.PERFETTO and not results:
            raise UserError("a timeline is of runs; give folders of `replay run --interval N -o`, not of a sweep")
        write(output, FORMATS[chosen](results, sweep))
    shell.say(f"saved in {output}")


def _by_name(output: Path) -> Format:
    """The format that a file's name asks for.  Raises UserError."""
    ending = output.suffix.removeprefix(".").lower()
    known = [form.value for form in Format if form != Format.PERFETTO]
    if ending not in known:
        raise UserError(
            f"{output}: no format is called {ending!r}; end the name in .{', .'.join(known)}, or give --format"
        )
    return Format(ending)


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
