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
            help="Folders that `replay run -o`, `compare -o`, `sweep -o` or `study -o` wrote.",
            metavar="FOLDER...",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The file to write.", metavar="FILE", show_default=False)
    ],
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
    _refuse_unwritable(output)
    write(output, _page(folders) if chosen == Format.HTML else _static(folders, chosen))
    shell.say(f"saved in {output}")


def _page(folders: list[Path]) -> bytes:
    from replay.commands.report_input import read
    from replay.commands.report_library import library
    from reports.page import page

    return page(read(folders), library()).encode()


def _static(folders: list[Path], form: Format) -> bytes:
    from replay.commands.report_input import read
    from reports.static import FORMATS

    content = read(folders)
    if form in (Format.PERFETTO, Format.CSV, Format.SVG, Format.PNG) and not (content.results or content.sweep):
        raise UserError(f"{folders[0]}: holds studies, which --format {form} does not show; make html, md or json")
    if form == Format.PERFETTO and not content.results:
        raise UserError("a timeline is of runs; give folders of `replay run --interval N -o`, not of a sweep")
    return FORMATS[form](content)


def _refuse_unwritable(output: Path) -> None:
    """Raise UserError, before anything is computed, where no file can be."""
    if output.is_dir():
        raise UserError(f"{output}: is a folder; name a file")
    if not output.parent.is_dir():
        raise UserError(f"{output}: no folder {output.parent}; create it, or name another")


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
    aside = path.with_name(f".{path.name}.new")
    try:
        aside.write_bytes(content)
        aside.replace(path)
    except OSError as error:
        raise UserError(f"{path}: {remedy(error)}") from None
    finally:
        aside.unlink(missing_ok=True)
