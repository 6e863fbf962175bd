"""The numbers that guest, machine and recorder share."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from replay.trace.schema import PAGE_BYTES, ServiceClass
from tracegen import abi, abi_header, build, symbols

DEFINE = re.compile(r"#define (\w+) (0x[0-9a-f]+)")


@pytest.mark.parametrize("cpu", build.CPUS)
def test_header_defines_every_shared_constant(cpu: str) -> None:
    """The generated header gives each shared name exactly the value that Python uses."""
    defined = {name: int(value, 16) for name, value in DEFINE.findall(abi_header.header(cpu))}

    assert abi_header.constants(cpu) == defined
    assert {"ANNOUNCE_MARK_END": 15, "SYS_GETARG": 6, "SERVICE_TABLE_UPDATE": 13} == {
        name: defined[name] for name in ("ANNOUNCE_MARK_END", "SYS_GETARG", "SERVICE_TABLE_UPDATE")
    }


@pytest.mark.parametrize("cpu", build.CPUS)
def test_compiler_reads_the_header_as_python_does(cpu: str, tmp_path: Path) -> None:
    """A C program that includes the header sees the same values, in the same types of arithmetic."""
    names = list(abi_header.constants(cpu))
    values = ", ".join(f"(unsigned long)({name})" for name in names)
    guest, out = tmp_path / "guest", tmp_path / "out"
    for folder in (guest / "user" / "table", out):
        folder.mkdir(parents=True)
    (guest / "user" / "table" / "table.c").write_text(
        f'#include "abi.h"\nconst unsigned long table[] = {{{values}}};\nvoid __start(void) {{}}\n'
    )
    script = (build.GUEST / "user" / "lib" / "user.ld").as_posix()
    elf = build.link(cpu, guest, ("user/table",), script, out)
    table = symbols.contents(elf, "table", 8 * len(names))

    assert [*abi_header.constants(cpu).values()] == [
        int.from_bytes(table[at : at + 8], build.TARGETS[cpu].order) for at in range(0, len(table), 8)
    ]


@pytest.mark.parametrize("cpu", build.CPUS)
def test_sources_define_no_shared_constant_again(cpu: str) -> None:
    """No guest source defines a name that the shared header owns."""
    owned = set(abi_header.constants(cpu))
    again = {
        (path.name, name)
        for path in build.source_files(cpu)
        for name in re.findall(r"#define (\w+)", path.read_text())
        if name in owned
    }

    assert set() == again


def test_services_have_unique_ids_and_known_classes() -> None:
    """Each service has an id of its own and a class of the trace schema; system call k is service 32 + k."""
    rows = abi.services()
    by_id = {row.id: row for row in rows}

    assert len(rows) == len(by_id)
    assert set() == {row.klass for row in rows} - set(ServiceClass.__members__)
    assert ("USER", "OTHER") == (by_id[0].name, by_id[0].klass)
    assert ("UTLB_MISS", "REFILL") == (by_id[2].name, by_id[2].klass)
    assert ["exit", "write", "sbrk", "time", "yield", "getarg"] == [by_id[32 + k].name for k in range(1, 7)]


def test_entry_bits_fit_the_hardware_format() -> None:
    """An entry shifted right by six is EntryLo: global, valid, dirty, cache attribute 3, then the frame number."""
    entry = 0x12345 << 12 | abi.Pte.CACHED | abi.Pte.DIRTY | abi.Pte.VALID | abi.Pte.GLOBAL | 0x3F

    assert 0x12345 << 6 | 3 << 3 | 1 << 2 | 1 << 1 | 1 == entry >> abi.PTE_ENTRYLO_SHIFT


def test_window_holds_one_entry_per_user_page() -> None:
    """The window is as large as the entries of all user pages together."""
    assert abi.USER_TOP // abi.PAGE_BYTES * abi.PTE_BYTES == abi.WINDOW_BYTES
    assert PAGE_BYTES == abi.PAGE_BYTES


def test_build_hook_needs_the_standard_library_only(root: Path) -> None:
    """What the package's build hook imports loads no third-party module."""
    check = (
        "import sys; before = set(sys.modules); import tracegen.build; "
        "new = {m.partition('.')[0] for m in set(sys.modules) - before} - {'tracegen', 'replay'}; "
        "print(*sorted(new - set(sys.stdlib_module_names)))"
    )
    done = subprocess.run([sys.executable, "-c", check], cwd=root, capture_output=True, text=True, check=True)

    assert "" == done.stdout.strip()
