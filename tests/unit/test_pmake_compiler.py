"""The guest's compiler, linker and interpreter, run on the host: right code, and one line for each mistake."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tracegen import build

RunTool = Callable[[str, Path], subprocess.CompletedProcess[str]]
FILES = build.GUEST / build.FILES

PRELUDE = """
int putchar(int character);
static void digits(long number) {
    if (number > 9 || number < -9)
        digits(number / 10);
    putchar('0' + (int)(number % 10 < 0 ? -(number % 10) : number % 10));
}
static void show(long number) {
    if (number < 0)
        putchar('-');
    digits(number);
    putchar('\\n');
}
"""
BINARY = ("+", "-", "*", "&", "|", "^", "<", ">", "<=", ">=", "==", "!=", "&&", "||")
ASSIGN = ("=", "+=", "-=", "*=", "&=", "|=", "^=")


def expression(draw: random.Random, depth: int) -> str:
    """An expression of words without side effects, undefined divisions or shifts."""
    if depth == 0 or draw.random() < 0.1:
        number = draw.choice([draw.randrange(-130, 130), draw.randrange(1 << 20), draw.randrange(1 << 62), 0, 1])
        return draw.choice([f"({number}L)", "a", "b", "c[1]", "p->word", "s.word", "(long)s.letter", "t[2][1]"])
    one, other = expression(draw, depth - 1), expression(draw, depth - 1)
    shape = draw.randrange(8)
    if shape == 0:
        return f"({one} {draw.choice('/%')} (({other} & 15L) + 1L))"
    if shape == 1:
        return f"({one} {draw.choice(['<<', '>>'])} ({other} & 31L))"
    if shape == 2:
        return f"({one} ? {other} : {expression(draw, depth - 1)})"
    if shape == 3:
        return f"(long)({draw.choice(['-', '~', '!', '+'])}{one})"
    if shape == 4:
        return f"f({one}, {other})"
    return f"(long)({one} {draw.choice(BINARY)} {other})"


def program(seed: int) -> str:
    """A program that computes and prints, over globals, locals, parameters, structs, arrays and pointers."""
    draw = random.Random(seed)
    places = ("a", "b", "c[1]", "c[a & 3L]", "p->word", "s.word", "s.letter", "letter", "t[b & 3L][1]", "*q")
    lines = [PRELUDE, "struct pair { char letter; long word; };", "static long t[4][3] = {{1, 2, 3}, {4, 5}, {6}};"]
    lines += [
        "static struct pair s = {'x', -7}, *p = &s;",
        "static long f(long a, long b) {",
        "    return a * 3L ^ b;",
        "}",
    ]
    for number in range(12):
        lines += [
            f"static long g{number}(long a, long b) {{",
            "    long c[4] = {3, -5}, *q = &c[2], i;",
            "    char letter = 'c';",
        ]
        for _ in range(4):
            lines.append(f"    {draw.choice(places)} {draw.choice(ASSIGN)} {expression(draw, 3)};")
        lines.append(f"    for (i = 0; i < 5; i++) {{ if ({expression(draw, 2)}) continue; a += i; q[1]--; }}")
        lines.append(
            f"    switch ({expression(draw, 2)} & 3L) {{ case 0: a++; case 1: b--; break; default: --letter; }}"
        )
        lines.append(f"    do {{ b ^= letter++; }} while ({expression(draw, 1)} && ++i < 9);")
        lines += [f"    show({place});" for place in ("a", "b", "letter", "*q", "p->word", "(long)(q - c)")]
        lines += [f"    return {expression(draw, 4)};", "}"]
    calls = [f"    show(g{n}({draw.randrange(-99, 99)}, {draw.randrange(1 << 40)}L));" for n in range(12)]
    return "\n".join([*lines, "int main(void) {", *calls, "    return 0;", "}", ""])


def compiled(run_tool: RunTool, where: Path, source: str) -> subprocess.CompletedProcess[str]:
    """What the interpreter makes of ``source`` after the guest's compiler and linker."""
    (where / "x.c").write_text(source)
    for line in ("cc x.c x.o", "ld x x.o"):
        done = run_tool(line, where)
        assert (0, "") == (done.returncode, done.stderr)
    return run_tool("interp x", where)


@pytest.mark.parametrize("seed", range(6))
def test_programs_do_what_the_hosts_compiler_says(
    run_tool: RunTool, native: Callable[..., None], tmp_path: Path, seed: int
) -> None:
    """Generated programs print the same through the guest's compiler and through the host's."""
    ours = compiled(run_tool, tmp_path, program(seed))
    native(tmp_path / "host", [tmp_path / "x.c"], "-w")
    theirs = subprocess.run([tmp_path / "host"], capture_output=True, text=True, check=True)

    assert 84 == len(theirs.stdout.splitlines())
    assert (theirs.stdout, 0) == (ours.stdout, ours.returncode)


def test_expected_output_is_the_hosts(native: Callable[..., None], tmp_path: Path) -> None:
    """What the guest compares its program's output with is what the host's compiler makes of the same sources."""
    native(tmp_path / "othello", sorted(FILES.glob("*.c")))
    played = subprocess.run([tmp_path / "othello"], capture_output=True, text=True, check=True)

    assert (FILES / "expected.txt").read_text() == played.stdout


SMALL = "int main(void) { %s }\n"
MISTAKES = {
    "undeclared": (SMALL % "return x;", "x.c:1: 'x' is not declared"),
    "line": ("int a;\n\n/* two\nlines */ int b = ;\n", "x.c:4: expected an expression"),
    "semicolon": (SMALL % "return 1", "x.c:1: expected ';'"),
    "again": ("int a; char a;", "x.c:1: 'a' is declared as 'char', and was as 'int'"),
    "twice": (SMALL % "int a; int a; return 0;", "x.c:1: 'a' is declared again"),
    "redefined": ("int f(void) { return 1; }\nint f(void) { return 2; }", "x.c:2: 'f' is defined again"),
    "value": ("int a = 1; int a = 2;", "x.c:1: 'a' has a value already"),
    "constant": ("int a; int b = a;", "x.c:1: the value of 'b' is not constant"),
    "pointer": (SMALL % "int *p = 5; return 0;", "x.c:1: assignment: 'int' where 'int *' is wanted"),
    "argument": ("int f(char *p); " + SMALL % "return f(3);", "x.c:1: argument: 'int' where 'char *' is wanted"),
    "few": ("int f(int a, int b); " + SMALL % "return f(3);", "x.c:1: 'f' takes 2 arguments, 1 are given"),
    "many": ("int f(int a); " + SMALL % "return f(3, 4);", "x.c:1: 'f' takes 1 arguments and no more"),
    "call": (SMALL % "int a; return a(1);", "x.c:1: a 'int' cannot be called"),
    "place": (SMALL % "3 = 4; return 0;", "x.c:1: this cannot be assigned to"),
    "member": (
        "struct s { int a; } v; " + SMALL % "return v.b;",
        "x.c:1: 'struct s' has no member 'b'",
    ),
    "incomplete": ("struct s v;", "x.c:1: the size of 'struct s' is not known"),
    "star": (SMALL % "int a; return *a;", "x.c:1: '*' takes a pointer, not 'int'"),
    "break": (SMALL % "break;", "x.c:1: break outside of a loop"),
    "case": (SMALL % "switch (1) { case 1: case 1: ; }", "x.c:1: case 1 is there already"),
    "zero": (SMALL % "return 1 / 0;", "x.c:1: division by zero"),
    "void": ("void f(void) { return 1; }", "x.c:1: a value is returned from a function without one"),
    "string": ('char s[] = "abc;\n', "x.c:1: a string does not end"),
    "comment": ("int a; /* and so on", "x.c:1: a comment does not end"),
    "number": ("int a = 0x8000000000000000;", "x.c:1: a number is too large"),
    "character": ("int a = 1 ` 2;", "x.c:1: a character has no meaning here: code 96"),
    "include": ('int a;\n#include "none.h"\n', 'x.c:2: no file "none.h"'),
    "directive": ("#if 1\n#endif\n", "x.c:1: directive #if is not known"),
    "condition": ("#ifndef A\nint a;\n", "x.c:3: a condition does not end"),
    "macro": ("#define A 1\n#define A 2\n", "x.c:2: macro 'A' is defined again, and differs"),
    "static": ("static int f(void); " + SMALL % "return f();", "x.c:2: static 'f' is used but not defined"),
    "elements": ("int a[2] = {1, 2, 3};", "x.c:1: more than 2 elements"),
    "frame": (SMALL % "int a[9999]; return 0;", "x.c:1: the variables of a function take more than 32768 bytes"),
    "block": ("int main(void) {\n", "x.c:2: a block does not end"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_compiler_names_the_mistake(run_tool: RunTool, tmp_path: Path, name: str) -> None:
    """A source with a mistake is one line, file:line and what is wrong, a status that says so, and no object."""
    source, line = MISTAKES[name]
    (tmp_path / "x.c").write_text(source)
    done = run_tool("cc x.c x.o", tmp_path)

    assert (1, f"{line}\n") == (done.returncode, done.stderr)
    assert not (tmp_path / "x.o").exists()


def test_header_mistakes_name_the_header(run_tool: RunTool, tmp_path: Path) -> None:
    """A mistake in an included file is reported there, and lines after it count on in the including file."""
    (tmp_path / "x.h").write_text("int a;\nint b\n")
    (tmp_path / "x.c").write_text('#include "x.h"\n;\nint c = d;\n')
    done = run_tool("cc x.c x.o", tmp_path)

    assert "x.c:3: 'd' is not declared\n" == done.stderr


@pytest.mark.parametrize(
    ("objects", "line"),
    [
        ({"a": "int f(void); int main(void) { return f(); }"}, "ld: a.o: 'f' is not defined"),
        (
            {"a": "int main(void) { return 0; }", "b": "int main(void) { return 0; }"},
            "ld: b.o: 'main' is defined in a.o, too",
        ),
        ({"a": "int f(void) { return 0; }"}, "ld: no function 'main'"),
    ],
    ids=["undefined", "duplicate", "no-main"],
)
def test_linker_names_the_symbol(run_tool: RunTool, tmp_path: Path, objects: dict[str, str], line: str) -> None:
    """Symbols that are missing or there twice are named with the object that they are in."""
    for name, source in objects.items():
        (tmp_path / f"{name}.c").write_text(source)
        assert 0 == run_tool(f"cc {name}.c {name}.o", tmp_path).returncode
    done = run_tool(" ".join(["ld x", *(f"{name}.o" for name in objects)]), tmp_path)

    assert (1, f"{line}\n") == (done.returncode, done.stderr)


@pytest.mark.parametrize("bytes_kept", [0, 3, 31, 40, -1])
def test_damaged_objects_are_refused(run_tool: RunTool, tmp_path: Path, bytes_kept: int) -> None:
    """An object that is cut short is refused by the linker, and so is a program by the interpreter."""
    compiled(run_tool, tmp_path, SMALL % "return 0;")
    for name, line in (("x.o", "ld y x.o"), ("x", "interp x")):
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:bytes_kept])
        done = run_tool(line, tmp_path)

        assert 1 == done.returncode
        assert done.stderr.startswith(f"{line.split()[0]}: {name}: ")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("int *p = 0; return *p;", "bad address in main"),
        ("int a[2]; a[99999] = 1; return 0;", "bad address in main"),
        ("int a[2]; return a[-9999999];", "bad address in main"),
        ("int a = 0; return 5 / a;", "division by zero in main"),
        ("int a = 0; return 5 % a;", "division by zero in main"),
        ("char *p = (char *)&main_word; int *q = (int *)(p + 1); return *q;", "misaligned address in main"),
        ("return deep(1);", "stack overflow in deep"),
        ("return calls(1);", "too many calls in calls"),
    ],
)
def test_traps_end_the_program(run_tool: RunTool, tmp_path: Path, body: str, why: str) -> None:
    """What no program may do ends it with status 4 and a line that says what and where; what it printed is kept."""
    deep = "int main_word; int putchar(int c); int deep(int n) { int a[99]; a[0] = n; return deep(n + 1) + a[0]; }\n"
    calls = "int calls(int n) { return calls(n + 1) + 1; }\n"
    done = compiled(
        run_tool, tmp_path, deep + calls + SMALL % ("putchar('a'); " + body.replace("int a = ", "int a; a = "))
    )

    assert (4, "a") == (done.returncode, done.stdout)
    assert done.stderr.startswith(f"interp: {why}, at byte ")


def test_status_is_mains(run_tool: RunTool, tmp_path: Path) -> None:
    """The interpreter ends with what main returns, or with what exit is given."""
    statuses = [
        compiled(run_tool, tmp_path, f"void exit(int status); {SMALL % body}").returncode
        for body in ("return 7;", "exit(9); return 7;")
    ]

    assert [7, 9] == statuses
