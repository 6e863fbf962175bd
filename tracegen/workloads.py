"""The workloads: programs of the guest, each the counterpart of one in the papers, with their sizes and bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from replay.errors import UserError, unknown

SEE = "tracegen workloads"


@dataclass(frozen=True)
class Parameter:
    """One size of a workload: an integer of ``unit`` from ``low`` to ``high``, perhaps only powers of two."""

    name: str
    default: int
    low: int
    high: int
    unit: str
    summary: str
    power_of_two: bool = False

    def check(self, value: int, workload: str) -> None:
        """Raise UserError where ``value`` is out of range."""
        whole = self.power_of_two and value & (value - 1) != 0
        if not self.low <= value <= self.high or whole:
            kind = "a power of two" if self.power_of_two else "an integer"
            raise UserError(
                f"{workload}: {self.name} should be {kind} from {self.low} to {self.high}, is {value} (see `{SEE}`)"
            )


@dataclass(frozen=True)
class Workload:
    """A program of the guest: what it does, which published workload it stands for, and its parameters in order."""

    name: str
    summary: str
    paper: str
    parameters: tuple[Parameter, ...]

    def command_line(self, arguments: Mapping[str, int] | None = None) -> str:
        """The guest's boot argument string; what ``arguments`` lacks is at its default.  Raises UserError."""
        given = dict(arguments or {})
        known = [p.name for p in self.parameters]
        for name in given:
            if name not in known:
                raise unknown(f"argument of {self.name}", name, known, SEE)
        values = []
        for parameter in self.parameters:
            value = given.get(parameter.name, parameter.default)
            parameter.check(value, self.name)
            values.append(str(value))
        return " ".join([self.name, *values])


_ALL = (
    Workload(
        name="gups",
        summary="random updates of a table of 8-byte words",
        paper="HPCC RandomAccess",
        parameters=(
            Parameter("words", 1 << 19, 1 << 9, 1 << 22, "words", "8-byte words in the table", power_of_two=True),
            Parameter("updates", 100_000, 1, 100_000_000, "updates", "words updated, then updated back"),
        ),
    ),
    Workload(
        name="radix",
        summary="integer radix sort on one processor",
        paper="SPLASH-2 radix (Disco's figure 7 runs it on eight)",
        parameters=(
            Parameter("keys", 1 << 18, 1, 1 << 22, "keys", "4-byte keys to sort"),
            Parameter("radix", 1 << 10, 2, 1 << 16, "digits", "digits of a pass", power_of_two=True),
        ),
    ),
    Workload(
        name="pmake",
        summary="make compiles, links and runs a program of 67 sources, several commands at a time",
        paper="Disco's pmake: parallel compilation (-J2) of GNU chess",
        parameters=(Parameter("jobs", 2, 1, 8, "processes", "commands that run at a time"),),
    ),
    Workload(
        name="engineering",
        summary="event-driven simulations of circuits and of memory systems, side by side",
        paper="Disco's Engineering: Verilog simulation (VCS) and memory-system simulation (6 + 6 processes)",
        parameters=(
            Parameter("circuits", 6, 0, 14, "processes", "simulations of a circuit"),
            Parameter("gates", 1 << 14, 256, 1 << 17, "gates", "gates of a circuit"),
            Parameter("cycles", 4, 1, 1_000_000, "cycles", "clock cycles of a circuit"),
            Parameter("memories", 6, 0, 14, "processes", "simulations of a memory system"),
            Parameter("lines", 1 << 16, 512, 1 << 20, "lines", "cache lines in a simulated memory"),
            Parameter("accesses", 1 << 14, 8, 1 << 30, "accesses", "loads and stores of its eight nodes"),
        ),
    ),
    Workload(
        name="database-dss",
        summary="decision support: scans, hash joins and aggregates over relations in files",
        paper="Disco's Database: Sybase with a decision-support workload",
        parameters=(
            Parameter("orders", 15_000, 1, 40_000, "orders", "orders, of four items each on average"),
            Parameter("rounds", 3, 1, 10_000, "rounds", "times that the five queries are asked"),
            Parameter("frames", 256, 8, 8192, "pages", "pages that the database keeps in memory"),
        ),
    ),
    Workload(
        name="database-ir",
        summary="ranked queries of documents through an index in a file",
        paper="Xen's OSDB-IR: a database with an information-retrieval workload",
        parameters=(
            Parameter("documents", 3000, 1, 16_000, "documents", "documents of 100 words on average"),
            Parameter("words", 20_000, 1024, 65_536, "words", "different words"),
            Parameter("queries", 300, 1, 100_000, "queries", "queries of up to four words"),
            Parameter("frames", 128, 8, 8192, "pages", "pages that the database keeps in memory"),
        ),
    ),
    Workload(
        name="forkwait",
        summary="makes processes that end at once, and waits for each",
        paper="Adams and Agesen's forkwait (40,000 children)",
        parameters=(Parameter("children", 400, 1, 100_000, "processes", "children forked and waited for"),),
    ),
    Workload(
        name="largeram",
        summary="fresh memory filled, read back in scattered order and given back",
        paper="PassMark's Large RAM, as Adams and Agesen ran it",
        parameters=(
            Parameter("pages", 4096, 1, 8192, "pages", "pages of 4 KB that a round fills; no multiple of 1031"),
            Parameter("rounds", 4, 1, 10_000, "rounds", "processes that fill them, one after another"),
        ),
    ),
    Workload(
        name="usertests",
        summary="the guest's tests of itself: processes, copy-on-write, pipes, files, faults, exhaustion",
        paper="none; after xv6's usertests",
        parameters=(),
    ),
)

WORKLOADS: dict[str, Workload] = {w.name: w for w in _ALL}
"""Name -> workload.  The sizes' upper bounds fit the default machine's memory."""


def find(name: str) -> Workload:
    """The workload called ``name``.  Raises UserError with the nearest name."""
    if name not in WORKLOADS:
        raise unknown("workload", name, WORKLOADS, SEE)
    return WORKLOADS[name]
