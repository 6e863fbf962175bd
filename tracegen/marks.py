"""Names of a program's marks, from its ELF file: the list that user.h's MARKS makes, or the one mark of the others."""

from __future__ import annotations

from tracegen import abi, symbols

LIST = "mark_names"
"""Symbol of the list: texts of MARK_NAME_BYTES each, MOST_MARKS of them, the last ones empty.  Ids count from 1."""

MEASURED = "measured"
"""What a program without a list calls mark 1, its measured region."""


def names(elf: bytes) -> tuple[tuple[int, str], ...]:
    """(Id, name) of each mark that the program in ``elf`` may open."""
    try:
        listed = symbols.contents(elf, LIST, abi.MOST_MARKS * abi.MARK_NAME_BYTES)
    except KeyError:
        return ((1, MEASURED),)
    found: list[tuple[int, str]] = []
    for at in range(0, len(listed), abi.MARK_NAME_BYTES):
        name = listed[at : at + abi.MARK_NAME_BYTES].split(b"\0")[0].decode("ascii", "replace")
        if not name:
            break
        found.append((len(found) + 1, name))
    return tuple(found)
