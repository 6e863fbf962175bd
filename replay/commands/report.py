"""The command ``replay report``: a folder of results becomes something to look at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from replay import shell
from replay.errors import UserError, remedy

if TYPE_CHECKING:
    from reports.result import Result

REPORT_EXAMPLES = shell.examples("replay run radix.arrow --model disco -o out", "replay report out -o report.html")


def report(
    folders: Annotated[
        list[Path],
        typer.Argument(
            help="Folders that `replay run -o` wrote, shown beside each other.", metavar="FOLDER...", show_default=False
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.", show_default=False)],
) -> None:
    """Make one self-contained page of a folder of results, which computes again at prices that you move."""
    from reports.page import page

    write(output, page([result for folder in folders for result in read(folder)]).encode())
    shell.say(f"saved in {output}")


def read(folder: Path) -> list[Result]:
    """The results in ``folder``, with their tables.  Raises UserError."""
    from replay import document as results
    from reports.result import Result

    document = results.load(str(folder))
    tables = {name: _columns(folder / file) for name, file in results.TABLE_FILES.items()}
    return [Result(document, **tables)]


def _columns(path: Path) -> dict[str, list[Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException):
        raise UserError(f"{path}: missing or damaged; run `replay run -o` again") from None
    return {name: table[name].to_pylist() for name in table.column_names}


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
