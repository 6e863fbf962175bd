"""The guest image, a kernel and a disk: found ready-made, or built by a compiler from the package index.

An installed package carries the image that its build hook made.  In a checkout whose guest sources changed since, the
image is built again and kept in the user's cache folder.  The same sources give the same bytes in any folder.
Imports nothing beyond the standard library and ``replay.errors`` until an image must be kept: the build hook runs it.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Literal, NamedTuple

from replay.errors import UserError, unknown
from tracegen import abi_header, filesystem, symbols
from tracegen.symbols import Symbol

GUEST = Path(__file__).parent / "guest"
IMAGES = Path(__file__).parent / "images"

COMPILER = "ziglang"
COMPILER_VERSION = "0.17.0"
"""Pinned: another version makes another image, and with it another trace."""

MIPS64 = (
    *("-target", "mips64-freestanding", "-mcpu=mips4", "-mno-abicalls", "-G0"),
    # Kernel and user addresses are sign-extended 32-bit ones: two instructions make them, not six.
    *("-Xclang", "-target-feature", "-Xclang", "+sym32", "-Xclang", "-target-feature", "-Xclang", "+noabicalls"),
)
X86_64 = ("-target", "x86_64-freestanding")
X86_64_PROGRAM = (*X86_64, "-mcpu=x86_64-mmx-x87", "-mno-implicit-float")
"""Floating-point registers serve floating-point numbers alone: moving and clearing memory takes general ones."""
X86_64_KERNEL = (*X86_64, "-mcpu=x86_64-sse-sse2-mmx-x87+soft_float", "-mno-red-zone", "-mcmodel=kernel")
FLAGS = (
    *("-std=c23", "-O2", "-g0", "-fomit-frame-pointer", "-ffreestanding", "-fno-builtin", "-fno-stack-protector"),
    # A product and a sum are two operations on either CPU, and a root is an instruction.
    *("-ffp-contract=off", "-fno-math-errno"),
    *("-fno-sanitize=all", "-fno-pic", "-fno-pie", "-nostdlib", "-static", "-Wall", "-Wextra", "-Werror"),
    *("-Wl,--no-gc-sections", "-Wl,--build-id=none", "-Wl,-z,max-page-size=4096"),
)


class Target(NamedTuple):
    """How one CPU's guest is compiled: flags of the compiler for programs and for the kernel, and order of bytes."""

    program: tuple[str, ...]
    kernel: tuple[str, ...]
    order: Literal["big", "little"]


TARGETS = {
    "mips64": Target(MIPS64, (*MIPS64, "-msoft-float"), "big"),
    "x86-64": Target(X86_64_PROGRAM, X86_64_KERNEL, "little"),
}
CPUS = tuple(TARGETS)
OWN = {"mips64": ("-Wno-error", "-mlong-calls"), "x86-64": ("-Wno-error",)}
"""Further flags for a user's own programs: they may have warnings, and calls of memset that the compiler itself puts
in, for which it knows no short form on MIPS64."""

ARCH = "arch"
"""Folder that has, by CPU, what CPUs differ in: files that belong into the folders of the same names beside it."""
KERNEL = ("kernel", "lib")
PROGRAM = ("user/lib", "lib")
"""Folders of sources that are linked into the kernel; and into every program, beside its own in ``user``."""
THIN = (
    *(
        "arguments",
        "balloon",
        "call",
        "common",
        "console",
        "copy",
        "cpu",
        "entry",
        "float",
        "futex",
        "lock",
        "options",
        "page",
        "power",
    ),
    *("sched", "setup", "shootdown", "switch", "tables", "task", "thread", "timer", "tlb", "trap", "vectors"),
)
"""Of the kernel, by name without suffix, what the thin guest has, too."""
KERNELS = {"full": KERNEL, "thin": ("thin", "lib", *(f"kernel/{name}" for name in THIN))}
"""Kernel -> the folders, and files without suffix, that it is made of."""
TOOLS = "user/tools"
DATABASES = frozenset(("database-dss", "database-ir", "database-oltp"))
SHARED = {
    TOOLS: frozenset(("cc", "cmp", "interp", "ld", "pmake")),
    "user/workload": DATABASES.union(
        (
            "bytecode",
            "compress",
            "dbench",
            "engineering",
            "graph",
            "kv",
            "lmbench",
            "nfs",
            "pmakes",
            "pointer-chase",
            "raytrace",
            "ttcp",
            "web",
        )
    ),
    "user/database": DATABASES,
}
"""Folders of sources that are linked into some programs, too; and those programs."""
FILES = "files"
"""Folder whose files lie on the disk under their own names, beside the programs."""
SOURCES = {".c", ".h", ".S", ".ld"}
COMPILED = {".c", ".S"}
USER_SCRIPT = "user/lib/user.ld"
"""How a program is laid out."""
IMAGE = "no guest image matches the guest's sources, and building one"
REMEDY = f"`pip install {COMPILER}=={COMPILER_VERSION}` (vmreplay's extra `guest`)"
SECONDS = 300
"""No compiler run takes longer."""


class CompilationError(UserError):
    """The compiler refuses a source; ``said`` is all that it printed, in lines."""

    def __init__(self, message: str, said: str) -> None:
        super().__init__(message)
        self.said = said


@dataclass(frozen=True)
class Image:
    """A bootable kernel, an ELF file; and the disk with the programs, which are such files, too."""

    data: bytes
    disk: bytes = b""

    @cached_property
    def digest(self) -> str:
        """Hex SHA-256 of both."""
        return hashlib.sha256(hashlib.sha256(self.data).digest() + hashlib.sha256(self.disk).digest()).hexdigest()

    @cached_property
    def symbols(self) -> tuple[Symbol, ...]:
        """Names and addresses by address: the kernel's symbols as they are, a program's as ``program:symbol``."""
        found = list(symbols.read(self.data))
        for name, file in filesystem.read(self.disk).items() if self.disk else ():
            if file.startswith(symbols.MAGIC):
                found += [Symbol(f"{name}:{s.name}", s.address) for s in symbols.read(file)]
        return tuple(sorted(found, key=lambda s: (s.address, s.name)))


def image(cpu: str = "mips64", kernel: str = "full") -> Image:
    """The guest image for ``cpu`` with one of the ``KERNELS``, built if need be; the thin one has no disk.

    Raises UserError, with what to install, where it cannot be.
    """
    if cpu not in CPUS:
        raise unknown("CPU", cpu, CPUS)
    digest = source_digest(cpu)
    name = f"{cpu}-{kernel}"
    shipped = _load(IMAGES, name, digest)
    if shipped is not None:
        return shipped
    from replay.jit import cache_folder

    kept = cache_folder() / "images"
    cached = _load(kept, f"{name}-{digest[:24]}", digest)
    if cached is not None:
        return cached
    built = build(cpu, kernel=kernel)
    try:
        _save(kept, f"{name}-{digest[:24]}", built, digest)
    except OSError:
        return built  # a cache that cannot be written costs a second of building the next time, nothing else
    return built


def ship(folder: Path = IMAGES) -> None:
    """Build the images and write them into ``folder``, as a package carries them."""
    for cpu, kernel in product(CPUS, KERNELS):
        digest, name = source_digest(cpu), f"{cpu}-{kernel}"
        if _load(folder, name, digest) is None:
            _save(folder, name, build(cpu, kernel=kernel), digest)


def source_files(cpu: str, guest: Path = GUEST) -> list[Path]:
    """Every file that the image for ``cpu`` is made of, in the order of their ``place``."""
    found = {p for p in guest.rglob("*") if p.suffix in SOURCES} | set(data_files(guest))
    other = [guest / ARCH / name for name in CPUS if name != cpu]
    of_cpu = [p for p in found if not any(folder in p.parents for folder in other)]
    return sorted(of_cpu, key=lambda p: place(p, guest).as_posix())


def place(source: Path, guest: Path = GUEST) -> Path:
    """Where a file stands among the sources, as if each CPU's folders were those of all CPUs."""
    name = source.relative_to(guest)
    return Path(*name.parts[2:]) if name.parts[0] == ARCH else name


def data_files(guest: Path = GUEST) -> list[Path]:
    """The files that go to the disk as they are, by name."""
    return sorted(p for p in (guest / FILES).glob("*") if p.is_file() and not p.name.startswith("."))


def programs(guest: Path = GUEST) -> list[str]:
    """Names of the programs: the folders of ``user`` with sources, but for what programs share."""
    folders = {p.parent for p in (guest / "user").glob("*/*") if p.suffix in COMPILED}
    return sorted(folder.name for folder in folders if folder.relative_to(guest).as_posix() not in (*PROGRAM, *SHARED))


def program_folders(name: str) -> tuple[str, ...]:
    """Folders of the sources that a program is made of."""
    return (f"user/{name}", *(folder for folder, users in SHARED.items() if name in users), *PROGRAM)


def source_digest(cpu: str, guest: Path = GUEST) -> str:
    """Hex SHA-256 of all that shapes the image: sources, shared numbers, the disk's maker, flags, compiler version."""
    shared = [(folder, sorted(users)) for folder, users in SHARED.items()]
    shape = (FLAGS, *TARGETS[cpu], PROGRAM, shared, KERNELS, COMPILER_VERSION)
    digest = hashlib.sha256(repr(shape).encode())
    digest.update(hashlib.sha256(abi_header.header(cpu).encode()).digest())
    digest.update(hashlib.sha256(Path(filesystem.__file__).read_bytes()).digest())
    for path in source_files(cpu, guest):
        digest.update(f"{path.relative_to(guest).as_posix()}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def build(cpu: str, guest: Path = GUEST, kernel: str = "full") -> Image:
    """Compile the guest in ``guest`` for ``cpu``: a kernel, and each program onto the disk with the data files.

    The thin kernel is made without a disk.  Raises UserError.
    """
    with tempfile.TemporaryDirectory(prefix="vmreplay-guest-") as temporary:
        out = Path(temporary)
        linked = link(cpu, guest, KERNELS[kernel], f"{ARCH}/{cpu}/kernel/kernel.ld", out)
        if kernel == "thin":
            return Image(linked)
        files = {path.name: path.read_bytes() for path in data_files(guest)}
        for name in programs(guest):
            files[name] = link(cpu, guest, program_folders(name), USER_SCRIPT, out)
        return Image(linked, filesystem.make(files, TARGETS[cpu].order))


def link(cpu: str, guest: Path, folders: tuple[str, ...], script: str, out: Path) -> bytes:
    """Compile and link ``folders``, and files without suffix, of ``guest`` and its part for ``cpu``.

    What is compiled is kept in ``out``, so that the next link finds it.  Sources are named relative to ``guest``: no
    path gets into the ELF file that is returned.
    """
    elf, _ = _link(cpu, guest, folders, script, out)
    return elf


def compile_program(cpu: str, sources: Sequence[Path], guest: Path = GUEST) -> tuple[bytes, str]:
    """Compile and link C sources of the user's own with the guest's library: a program, and the compiler's warnings.

    Raises CompilationError where the compiler refuses them, and UserError where there is no compiler.
    """
    with tempfile.TemporaryDirectory(prefix="vmreplay-program-") as temporary:
        return _link(cpu, guest, PROGRAM, USER_SCRIPT, Path(temporary), sources)


def _link(
    cpu: str, guest: Path, folders: tuple[str, ...], script: str, out: Path, own: Sequence[Path] = ()
) -> tuple[bytes, str]:
    sources = [p for p in source_files(cpu, guest) if p.suffix in COMPILED]
    chosen = [p.relative_to(guest).as_posix() for p in sources if _is_of(place(p, guest), folders)]
    (out / "abi.h").write_text(abi_header.header(cpu))
    kernel = script != USER_SCRIPT
    includes = ("include", *(("thin", *KERNEL) if kernel else (*PROGRAM, *SHARED)))
    headers = [f"-I{part}" for folder in includes for part in (f"{ARCH}/{cpu}/{folder}", folder)]
    flags = TARGETS[cpu].kernel if kernel else TARGETS[cpu].program
    chosen += [str(path.resolve()) for path in own]
    options = [*flags, *FLAGS, *(OWN[cpu] if own else ()), *headers, f"-I{out}", *chosen, f"-Wl,-T,{script}"]
    compiler = _compiler("compiling a program" if own else IMAGE)
    said = _run([compiler, "cc", *options, "-o", out / "linked"], guest, out, own)
    return (out / "linked").read_bytes(), said


def _is_of(source: Path, folders: tuple[str, ...]) -> bool:
    return source.parent.as_posix() in folders or source.with_suffix("").as_posix() in folders


def _run(command: list[str | Path], guest: Path, out: Path, own: Sequence[Path]) -> str:
    """What the compiler says about sources that it takes."""
    # A cache of this build's own: it depends on nothing that was before, and shared sources are compiled once.
    environment = {"PATH": os.defpath, "HOME": str(out)}
    environment |= {"ZIG_GLOBAL_CACHE_DIR": str(out / "cache"), "ZIG_LOCAL_CACHE_DIR": str(out / "cache")}
    done = subprocess.run(
        command, cwd=guest, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    said = done.stderr
    for path in own:
        said = said.replace(str(path.resolve()), str(path))
    if not done.returncode:
        return "".join(line for line in said.splitlines(keepends=True) if not line.startswith("ld.lld: warning"))
    first = next((line for line in said.splitlines() if "error" in line), said.strip()[:200])
    if own:
        raise CompilationError(f"the compiler refuses the program: {first}; correct its sources", said)
    raise CompilationError(f"building the guest image failed: {first}; correct the sources in {guest}", said)


def _compiler(purpose: str) -> Path:
    found = importlib.util.find_spec(COMPILER)
    if found is None or found.origin is None:
        raise UserError(f"{purpose} takes the compiler {COMPILER}; {REMEDY}")
    version = importlib.metadata.version(COMPILER)
    if version != COMPILER_VERSION:
        raise UserError(f"{purpose} takes {COMPILER} {COMPILER_VERSION}, found {version}; {REMEDY}")
    return Path(found.origin).parent / "zig"


def _load(folder: Path, name: str, digest: str) -> Image | None:
    """The image kept as ``name`` if it is whole and made from the sources with this digest."""
    try:
        facts = json.loads((folder / f"{name}.json").read_text())
        found = Image((folder / f"{name}.elf").read_bytes(), (folder / f"{name}.disk").read_bytes())
    except (OSError, ValueError):
        return None
    return found if facts == {"sources": digest, "image": found.digest} else None


def _save(folder: Path, name: str, built: Image, digest: str) -> None:
    facts = json.dumps({"sources": digest, "image": built.digest}, indent=1) + "\n"
    folder.mkdir(parents=True, exist_ok=True)
    replace(folder / f"{name}.elf", built.data)
    replace(folder / f"{name}.disk", built.disk)
    replace(folder / f"{name}.json", facts.encode())


def replace(path: Path, data: bytes) -> None:
    """Write beside ``path``, then rename: a reader sees the old file or the new one."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        aside.write_bytes(data)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
