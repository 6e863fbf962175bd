"""The workloads: programs of the guest, each the counterpart of one in the papers, with their sizes and bounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
    program: str = ""
    """The guest's program, where it is not called as the workload is."""
    thin: bool = False
    """Whether it needs neither files nor other processes, so that the thin guest runs it, too."""

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
        return " ".join([self.program or self.name, *values])

    def check_thin(self) -> None:
        """Raise UserError where the thin guest cannot run it."""
        if not self.thin:
            able = ", ".join(w.name for w in _ALL if w.thin)
            raise UserError(
                f"{self.name} needs files or processes, which the thin guest has not;"
                f" leave --kernel thin out, or run one of: {able}"
            )


_ALL = (
    Workload(
        name="gups",
        summary="random updates of a table of 8-byte words",
        paper="HPCC RandomAccess",
        thin=True,
        parameters=(
            Parameter("words", 1 << 24, 1 << 9, 1 << 27, "words", "8-byte words in the table", power_of_two=True),
            Parameter("updates", 100_000, 1, 100_000_000, "updates", "words updated, then updated back"),
        ),
    ),
    Workload(
        name="radix",
        summary="integer radix sort, by several threads if so asked",
        paper="SPLASH-2 radix (Disco's figure 7 runs it on eight)",
        thin=True,
        parameters=(
            Parameter("keys", 1 << 18, 1, 1 << 22, "keys", "4-byte keys to sort"),
            Parameter("radix", 1 << 10, 2, 1 << 16, "digits", "digits of a pass", power_of_two=True),
            Parameter("threads", 1, 1, 16, "threads", "threads that sort together"),
        ),
    ),
    Workload(
        name="pmake",
        summary="make compiles, links and runs a program of 67 sources, several commands at a time",
        paper="Disco's pmake: parallel compilation (-J2) of GNU chess",
        parameters=(
            Parameter("jobs", 2, 1, 8, "processes", "commands that run at a time"),
            Parameter("builds", 1, 1, 100, "times", "that all is made; the last time is measured"),
        ),
    ),
    Workload(
        name="pmake-nfs",
        summary="pmake in a directory of each machine's own on the first machine's disk, which serves its files to all",
        paper="Disco's figures 6 and 7: pmake in several virtual machines whose files one of them serves by NFS",
        parameters=(
            Parameter("jobs", 2, 1, 8, "processes", "commands of a machine that run at a time"),
            Parameter("builds", 1, 1, 100, "times", "that all is made; the last time is measured"),
            Parameter("parts", 0, 0, 6, "parts", "parts of the program that each makes, 6 sources the first; 0: all"),
        ),
        program="remote pmake",
    ),
    Workload(
        name="pmakes",
        summary="builds side by side: parts of pmake's program, each in a directory with its own copy of the sources",
        paper="Disco's figures 6 and 7: eight instances of pmake, each on files of its own",
        parameters=(
            Parameter("trees", 8, 1, 8, "directories", "builds at a time"),
            Parameter("parts", 1, 1, 6, "parts", "parts of the program that each makes, 6 sources the first"),
            Parameter("jobs", 2, 1, 2, "processes", "commands of a build that run at a time"),
        ),
    ),
    Workload(
        name="engineering",
        summary="event-driven simulations of circuits and of memory systems, side by side",
        paper="Disco's Engineering: Verilog simulation (VCS) and memory-system simulation (6 + 6 processes)",
        parameters=(
            Parameter("circuits", 6, 0, 14, "processes", "simulations of a circuit"),
            Parameter("gates", 1 << 15, 256, 1 << 17, "gates", "gates of a circuit"),
            Parameter("cycles", 2, 1, 1_000_000, "cycles", "clock cycles of a circuit"),
            Parameter("memories", 6, 0, 14, "processes", "simulations of a memory system"),
            Parameter("lines", 1 << 16, 512, 1 << 20, "lines", "cache lines in a simulated memory"),
            Parameter("accesses", 1 << 13, 8, 1 << 30, "accesses", "loads and stores of its eight nodes"),
        ),
    ),
    Workload(
        name="raytrace",
        summary="an image of a floor, spheres and a mesh of triangles in a grid, by several threads if so asked",
        paper="Disco's Splash: SPLASH-2 Raytrace (on 16 processors in figure 8)",
        thin=True,
        parameters=(
            Parameter("width", 160, 1, 4096, "pixels", "width of the image"),
            Parameter("height", 120, 1, 4096, "pixels", "height of the image"),
            Parameter("spheres", 20, 0, 1000, "spheres", "spheres on the floor"),
            Parameter("depth", 5, 0, 7, "divisions", "times that the mesh's 8 triangles are divided by four"),
            Parameter("threads", 1, 1, 16, "threads", "threads that take rows of the image"),
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
        name="database-oltp",
        summary="transactions of several clients on a B-tree, with a log that is forced to the disk",
        paper="Xen's OSDB-OLTP: a database with an on-line transaction-processing workload",
        parameters=(
            Parameter("accounts", 50_000, 1, 60_000, "accounts", "rows that clients choose from"),
            Parameter("clients", 8, 1, 8, "processes", "processes that ask the server"),
            Parameter("requests", 250, 0, 2500, "requests", "transactions of a client"),
            Parameter("frames", 512, 16, 8192, "pages", "pages that the database keeps in memory"),
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
        name="lmbench",
        summary="single operations of the kernel, each marked: calls, files, processes, context switches, mappings",
        paper="lmbench (McVoy and Staelin), as Xen's tables 3 to 5 print it",
        parameters=(
            Parameter("operation", 0, 0, 64, "operation", "number of a mark (see `replay info`), or 0 for all"),
            Parameter("rounds", 20, 1, 100_000, "rounds", "times that each is done"),
        ),
    ),
    Workload(
        name="interp",
        summary="a bytecode interpreter at work on a program that the guest compiled",
        paper="interpreters in SPEC CPU, such as 134.perl",
        parameters=(Parameter("rounds", 10, 1, 1_000_000, "rounds", "rounds of the interpreted program"),),
        program="bytecode",
    ),
    Workload(
        name="dbench",
        summary="clients of a file server, each with requests in NetBench's mix on files in a directory of its own",
        paper="dbench, as Xen's figure 3 runs it",
        parameters=(
            Parameter("clients", 4, 1, 14, "processes", "clients at a time"),
            Parameter("requests", 1000, 1, 1_000_000, "requests", "requests of a client"),
        ),
    ),
    Workload(
        name="pointer-chase",
        summary="a chain through pages in random order, each step known from the last one only",
        paper="lmbench's lat_mem_rd with random order (McVoy and Staelin)",
        thin=True,
        parameters=(
            Parameter("pages", 8192, 1, 250_000, "pages", "pages of 4 KB, one step in each"),
            Parameter("steps", 400_000, 1, 1_000_000_000, "steps", "steps along the chain"),
        ),
    ),
    Workload(
        name="compress",
        summary="text compressed, decompressed and compared, in memory, by Lempel-Ziv-Welch coding",
        paper="SPEC CPU95's 129.compress",
        thin=True,
        parameters=(
            Parameter("bytes", 1 << 18, 1, 8 << 20, "bytes", "bytes of a text"),
            Parameter("rounds", 4, 1, 10_000, "rounds", "texts, one after another"),
        ),
    ),
    Workload(
        name="graph",
        summary="breadth-first searches of a graph whose degrees follow a power law",
        paper="Graph500's search",
        thin=True,
        parameters=(
            Parameter("vertices", 1 << 18, 2, 1 << 22, "vertices", "vertices, of 64 bytes each"),
            Parameter("degree", 12, 1, 64, "edges", "edges that a new vertex brings, of 32 bytes each"),
            Parameter("searches", 1, 1, 1000, "searches", "searches from different vertices"),
        ),
    ),
    Workload(
        name="kv",
        summary="a cache of values by key: hash table, least recently used ones replaced, Zipf-distributed requests",
        paper="memcached, as studies of data centres run it",
        thin=True,
        parameters=(
            Parameter("items", 1 << 17, 1, 980_000, "items", "values that there is room for, of up to 1 KB each"),
            Parameter("requests", 200_000, 1, 1_000_000_000, "requests", "requests for one of twice as many keys"),
            Parameter("sets", 10, 0, 100, "of 100", "requests that set a value; others get one"),
        ),
    ),
    Workload(
        name="ttcp",
        summary="buffers through a stream from one machine to the next, or over its own station where it is alone",
        paper="ttcp, as Xen's table 6 runs it with packets of 1500 and 500 bytes",
        parameters=(
            Parameter("buffers", 256, 1, 1_000_000, "buffers", "buffers that are sent"),
            Parameter("bytes", 8192, 8, 1 << 16, "bytes", "bytes of a buffer", power_of_two=True),
            Parameter("mtu", 1500, 128, 4160, "bytes", "bytes of a packet with its header of 64"),
        ),
    ),
    Workload(
        name="web",
        summary="a server with several processes, files and pages that it makes; clients in other machines or its own",
        paper="SPECweb99, as Xen's figure 3 runs it",
        parameters=(
            Parameter("workers", 4, 1, 8, "processes", "processes of the server"),
            Parameter("clients", 4, 1, 14, "processes", "clients of a machine, each with one request at a time"),
            Parameter("requests", 50, 1, 1_000_000, "requests", "requests of a client"),
            Parameter("made", 30, 0, 100, "of 100", "requests for pages that are made; others get files"),
        ),
    ),
    Workload(
        name="nfs",
        summary="files of another machine's disk, read and written by remote procedure calls, a page each",
        paper="the NFS traffic between virtual machines in Disco's figures 6 and 7, by programs instead of kernels",
        parameters=(Parameter("rounds", 2, 1, 10_000, "rounds", "times that the files are read"),),
    ),
    Workload(
        name="usertests",
        summary="the guest's tests of itself: processes, copy-on-write, pipes, sockets, files, faults, exhaustion",
        paper="none; after xv6's usertests",
        parameters=(),
    ),
)

WORKLOADS: dict[str, Workload] = {w.name: w for w in _ALL}
"""Name -> workload."""

PARALLEL: dict[str, dict[str, int]] = {
    "radix": {"threads": 8},
    "pmake": {"jobs": 8},
    "pmake-nfs": {"jobs": 8},
    "pmakes": {},
    "engineering": {},
    "raytrace": {"threads": 8},
    "database-oltp": {},
    "dbench": {"clients": 8},
    "web": {"workers": 8, "clients": 8},
}
"""Workload that can use eight vCPUs -> the sizes with which it does, where others than its defaults."""

JOINED = ("pmake-nfs", "ttcp", "web", "nfs")
"""Workloads whose machines, where there are several, work together."""

DEFAULT_MEMORY = 64 << 20
"""Bytes of memory that are enough for most workloads at their largest sizes."""

NEEDS: dict[str, Callable[[Mapping[str, int]], int]] = {
    "gups": lambda size: 8 * size["words"],
    "graph": lambda size: (64 + 8 + 32 * size["degree"]) * size["vertices"],
    "kv": lambda size: (1024 + 32) * size["items"],
    "pointer-chase": lambda size: size["pages"] << 12,
}
"""Workload -> bytes that it touches, by its sizes, where DEFAULT_MEMORY may not do."""

SPARE = 16 << 20
"""Bytes beyond them: kernel, buffer cache, program, stack."""


def memory_bytes(name: str, arguments: Mapping[str, int] | None = None) -> int:
    """Bytes of memory that a machine should have for a workload of these sizes.  Raises UserError for a wrong name."""
    sizes = {p.name: p.default for p in find(name).parameters} | dict(arguments or {})
    touched = NEEDS[name](sizes) if name in NEEDS else 0
    # page tables, and the kernel's table of pages
    return max(DEFAULT_MEMORY, -(-(touched + touched // 128 + SPARE) >> 20) << 20)


def find(name: str) -> Workload:
    """The workload called ``name``.  Raises UserError with the nearest name."""
    if name not in WORKLOADS:
        raise unknown("workload", name, WORKLOADS, SEE)
    return WORKLOADS[name]
