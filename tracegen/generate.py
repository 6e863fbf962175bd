"""Writes the text of an emulation loop from a CPU's op tables, in two variants: with and without a trace.

The loop runs micro-ops until it needs Python: a block to lower, a full row buffer, the end of its budget, an exit.
Outer loop: program counter -> micro-TLB -> block.  Inner loop: one micro-op, told apart first by class and then by
number, which compiles to one range test and one jump table.  What a CPU's loop says around its tables is a Template.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from typing import NamedTuple

Table = Mapping[str, str | tuple[str, str]]


class Template(NamedTuple):
    """One CPU's loop, as text.  A line that starts with T is the recording loop's alone, one with N the other's."""

    classes: tuple[tuple[str, Table], ...]  # (class, table) in the order of the loop's tests
    operations: Mapping[str, int]  # number of each micro-op, in the order of the tables
    fields: Mapping[str, int]  # what {NAME} stands for: the packing of a micro-op
    fragments: Mapping[str, str]  # what $NAME, alone on its line, stands for
    class_value: Mapping[str, str]  # class -> the variable that takes its table's text; else that is a statement
    start: str  # the module up to the tests of op; {RARE} is the module of rare operations
    class_start: Mapping[str, str]  # class of the loop -> what comes before its tests
    class_end: Mapping[str, str]  # and after them
    end: str  # the test's last branch, for rare operations, and the rest of the outer loop
    rare_start: str  # the rare module up to its tests
    rare_class_start: Mapping[str, str]  # class of rare operations -> what comes before its tests


RUN = """

from tracegen.cpu.turns import begin, enter, next_turn, of_vcpu, turn_is_over


@kernel
def run(core, views):
    on = enter(core) and begin(of_vcpu(core, views))
    while on:
        turn(of_vcpu(core, views), views)
        on = turn_is_over(core.s) and next_turn(core) and begin(of_vcpu(core, views))
"""
"""What Python calls: one turn after the other, until one needs Python."""


def _fields(text: str, template: Template) -> str:
    for name, value in template.fields.items():
        text = text.replace("{" + name + "}", f"np.uint64({value})")
    return text


def _lines(text: str, indent: int, traced: bool, fragments: Mapping[str, str]) -> list[str]:
    """The lines of a template: a leading T marks those of the recording loop, N those of the other."""
    result: list[str] = []
    for written in text.splitlines():
        line = written
        if line[:1] in ("T", "N"):
            if (line[0] == "T") != traced:
                continue
            stripped = line[1:].lstrip()
            depth = len(line) - len(line[1:].lstrip()) - 1
            line = " " * (depth + (1 if depth else 0)) + stripped
        bare = line.lstrip()
        if bare in fragments:
            result += _lines(fragments[bare], indent + len(line) - len(bare), traced, fragments)
        else:
            result.append(" " * indent + line)
    return result


def _chain(name: str, table: Table, indent: int, template: Template) -> list[str]:
    """The tests of one class's operations, the last one taken for granted."""
    result: list[str] = []
    value = f"{template.class_value[name]} = " if name in template.class_value else ""
    for place, (op, text) in enumerate(table.items()):
        test = "if" if place == 0 else "elif" if place < len(table) - 1 else "else"
        number = template.operations[op]
        result.append(" " * indent + (test if test == "else" else f"{test} op == {number}") + f":  # {op}")
        first, last = text if isinstance(text, tuple) else ("", text)
        if first:
            result.append(" " * (indent + 4) + first)
        result.append(" " * (indent + 4) + value + last)
    return result


def _classes(template: Template, names: Container[str]) -> Iterator[tuple[str, Table, int]]:
    """(class, table, number after its last operation) of the named classes."""
    end = 0
    for name, table in template.classes:
        end += len(table)
        if name in names:
            yield name, table, end


def loop_source(template: Template, traced: bool, rare_module: str) -> str:
    """The Python source of the module that holds ``run(core, views)``, recording rows or not.

    The loop itself is ``turn``: a vCPU's until its turn ends or it needs Python.

    Rare operations are a call of ``rare`` in the module ``rare_module``.
    """
    lines = _lines(template.start.replace("{RARE}", rare_module), 0, traced, template.fragments)
    for place, (name, table, end) in enumerate(_classes(template, template.class_start)):
        lines.append(" " * 12 + f"{'elif' if place else 'if'} op < {end}:  # {name}")
        lines += _lines(template.class_start[name], 16, traced, template.fragments)
        if len(table) > 1:
            lines += _chain(name, table, 16, template)
        lines += _lines(template.class_end[name], 16, traced, template.fragments)
    lines += _lines(template.end, 0, traced, template.fragments)
    lines += RUN.splitlines()
    return _fields("\n".join(lines), template) + "\n"


def rare_source(template: Template) -> str:
    """The Python source of the module that holds ``rare(core, op, ...)``, which gives a Leave.

    It is compiled once for both loops, and keeps them small.
    """
    lines = template.rare_start.splitlines()
    for place, (name, table, end) in enumerate(_classes(template, template.rare_class_start)):
        lines.append(" " * 4 + f"{'elif' if place else 'if'} op < {end}:  # {name}")
        lines += _lines(template.rare_class_start[name], 8, traced=False, fragments=template.fragments)
        lines += _chain(name, table, 8, template)
    return _fields("\n".join([*lines, "    return leave"]), template) + "\n"
