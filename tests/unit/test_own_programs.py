"""Programs of the user's own: compiled for the guest, put on its disk, and refused in one line where they cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from replay.errors import UserError
from tracegen import abi, build, filesystem, programs
from tracegen.boot import program_boot
from tracegen.machine import CPUS

SOURCE = """
#include "user.h"
#include "answer.h"
struct large { u64 words[40]; };
static struct large twice(u64 value) { struct large made = {{value, value}}; return made; }
int main(void) { int left; struct large *kept = allocate(sizeof *kept);
    *kept = twice(number_argument(1)); return kept->words[1] + kept->words[39] == ANSWER ? EXIT_OK : EXIT_WRONG; }
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a program's source, its header, and what it compiles to for each CPU."""
    made = tmp_path_factory.mktemp("own")
    (made / "mine.c").write_text(SOURCE)
    (made / "answer.h").write_text("#define ANSWER 42\n")
    for cpu in CPUS:
        programs.compile_program([made / "mine.c"], made / f"{cpu}.elf", cpu)
    return made


@pytest.mark.parametrize("cpu", CPUS)
def test_a_program_runs_on_its_own_cpu(folder: Path, cpu: str) -> None:
    """A program is on the guest's disk under its file's name, and its exit status is the run's."""
    path = folder / f"{cpu}.elf"
    right, wrong = (program_boot(path, [word], memory_bytes=8 << 20, disk_bytes=8 << 20) for word in ("42", "41"))

    assert cpu == right.cpu
    assert path.read_bytes() == filesystem.read(right.disk())[cpu]
    assert [0, 1] == [boot.machine().run().status for boot in (right, wrong)]


def test_the_compilers_warnings_are_passed_on(folder: Path) -> None:
    """A warning does not stop a program from being made, and names the source as the user did."""
    said = programs.compile_program([folder / "mine.c"], folder / "again.elf", "mips64")

    assert said.startswith(f"{folder}/mine.c:6:22: warning: unused variable 'left'")
    assert (folder / "mips64.elf").read_bytes() == (folder / "again.elf").read_bytes()


def test_what_does_not_compile_is_told(tmp_path: Path) -> None:
    """The error names the first mistake by file and line, holds all that the compiler said, and nothing is written."""
    source = tmp_path / "bad.c"
    source.write_text("int main(void) {\n return one + two;\n}\n")
    with pytest.raises(build.CompilationError) as error:
        programs.compile_program([source], tmp_path / "bad.elf", "mips64")

    first = f"{source}:2:9: error: use of undeclared identifier 'one'; correct its sources"
    assert f"the compiler refuses the program: {first}" == str(error.value)
    assert 2 == error.value.said.count(" error: ")
    assert [source] == list(tmp_path.iterdir())


def broken(folder: Path, name: str) -> bytes:
    """A program's bytes with something wrong with them."""
    elf = (folder / "mips64.elf").read_bytes()
    return {
        "text": b"#!/bin/sh\n",
        "short": elf[: len(elf) // 2],
        "large": elf + bytes(abi.FS_FILE_BYTES),
        "kernel": build.image().data,
        "riscv": elf[:18] + b"\0\xf3" + elf[20:],
    }[name]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("text", "is no ELF file of a CPU of ours (mips64, x86-64); build it from its sources with `tracegen build`"),
        ("riscv", "is no ELF file of a CPU of ours (mips64, x86-64); build it from its sources with `tracegen build`"),
        ("short", "is an ELF file cut short; build it from its sources with `tracegen build` again"),
        ("kernel", "is an ELF file, but not linked with the guest's library; build it from its sources with"),
        ("large", f"a file of the guest at most {abi.FS_FILE_BYTES}; make large tables when the program runs"),
    ],
)
def test_files_that_are_no_programs_are_refused(folder: Path, tmp_path: Path, name: str, message: str) -> None:
    """Each wrong file is one line with what it is and what to do."""
    path = tmp_path / "x.elf"
    path.write_bytes(broken(folder, name))
    with pytest.raises(UserError) as error:
        program_boot(path)

    assert str(error.value).startswith(f"{path}: ")
    assert message in str(error.value)


def test_another_cpus_program_is_refused(folder: Path) -> None:
    """A program runs on its own CPU alone, and the error says how to have it for the other."""
    with pytest.raises(UserError, match=r"x86-64.elf: is a program for x86-64, not mips64; .* --cpu mips64$"):
        program_boot(folder / "x86-64.elf", cpu="mips64")


def test_a_name_that_the_disk_has_is_refused(folder: Path, tmp_path: Path) -> None:
    """A program of the guest's own cannot be replaced by accident."""
    path = tmp_path / "gups.elf"
    path.write_bytes((folder / "mips64.elf").read_bytes())
    with pytest.raises(UserError, match=r"has a file called 'gups' already; give your program's file another name"):
        program_boot(path)


@pytest.mark.parametrize("word", ["", "two words", "tab\t", "\u00e4"])
def test_words_that_a_guest_cannot_take_are_refused(folder: Path, word: str) -> None:
    """An argument is printable ASCII without spaces, because the guest cuts its command line at them."""
    with pytest.raises(UserError, match=r"use printable ASCII without spaces"):
        program_boot(folder / "mips64.elf", [word])


@pytest.mark.parametrize(("sources", "message"), [("none.c", "no such file"), ("x.txt", "name files that end in .c")])
def test_sources_that_are_none_are_refused(tmp_path: Path, sources: str, message: str) -> None:
    """A source that is not there, or no C file by its name, is one line."""
    with pytest.raises(UserError, match=message):
        programs.compile_program([tmp_path / sources], tmp_path / "x.elf", "mips64")
