"""The kernel cache: warm across processes, never stale, harmless where it cannot be written."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from numba.core.compiler_lock import global_compiler_lock

import replay.jit  # noqa: F401 - defers signals while the lock is held

ROOT = Path(__file__).parents[2]

HELPER = """
from typing import Any, NamedTuple
from replay.jit import by_reference, inline

@by_reference
class State(NamedTuple):
    {field}: Any

@inline
def step(state, value):
    state.{field}[0] += value * {factor}
"""

KERNEL = """
import sys
import numpy as np
from models.helper import State, step
from replay.jit import kernel

@kernel
def run(state, rows):
    for i in range(rows.size):
        step(state, rows[i])

def main():
    total = np.zeros(1, np.int64)
    run(State(total), np.arange(5))
    print(total[0], sum(run.stats.cache_hits.values()))
"""


class House:
    """A miniature checkout: the real jit module and a kernel whose helper lives in another file."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "replay").mkdir(parents=True)
        (root / "models").mkdir()
        for name in "__init__ compiler errors folders jit linking sources states".split():
            shutil.copy(ROOT / "replay" / f"{name}.py", root / "replay" / f"{name}.py")
        (root / "models" / "__init__.py").touch()
        (root / "models" / "entry.py").write_text(KERNEL)
        self.helper("count", 1)

    def helper(self, field: str, factor: int) -> None:
        """Write the helper's source: its state field's name and what it multiplies by."""
        (self.root / "models" / "helper.py").write_text(HELPER.format(field=field, factor=factor))

    def run(self, cache: Path, processes: int = 1) -> list[tuple[list[int], str]]:
        """Run the kernel in new processes side by side; each one's [result, cache hits] and its messages."""
        environment = {**os.environ, "PYTHONPATH": str(self.root), "VMREPLAY_CACHE": str(cache)}
        # -B: Python tells its own compiled files by the second and the length of a source, and these are edited sooner.
        command = [sys.executable, "-B", "-c", "from models.entry import main; main()"]
        started = [
            subprocess.Popen(
                command, env=environment, cwd=self.root, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
            for _ in range(processes)
        ]
        ended = [process.communicate() for process in started]
        return [([int(word) for word in out.split()], err) for out, err in ended]


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A fresh miniature checkout."""
    return House(tmp_path / "house")


def test_a_second_process_starts_warm(house: House, tmp_path: Path) -> None:
    """The machine code that one process compiled is loaded by the next."""
    assert [([10, 0], "")] == house.run(tmp_path / "cache")
    assert [([10, 1], "")] == house.run(tmp_path / "cache")


def test_editing_a_helper_gives_the_new_result(house: House, tmp_path: Path) -> None:
    """A kernel whose own file is unchanged is compiled again when a helper in another file changes."""
    house.run(tmp_path / "cache")
    house.helper("count", 3)

    assert [([30, 0], "")] == house.run(tmp_path / "cache")


def test_another_numba_compiles_in_its_own_way(house: House, tmp_path: Path) -> None:
    """With a version whose insides nobody looked at, kernels are compiled by numba's own stages, and are right."""
    compiler = house.root / "replay" / "compiler.py"
    compiler.write_text(compiler.read_text().replace('MEASURED = "0.68."', 'MEASURED = "0.1."'))

    assert [([10, 0], "")] == house.run(tmp_path / "cache")
    assert [([10, 1], "")] == house.run(tmp_path / "cache")


def test_editing_what_a_kernel_does_not_import_keeps_it_warm(house: House, tmp_path: Path) -> None:
    """A change in a file that shapes none of a module's machine code compiles nothing again."""
    house.run(tmp_path / "cache")
    (house.root / "models" / "other.py").write_text("MEANING = 42\n")

    assert [([10, 1], "")] == house.run(tmp_path / "cache")


def test_a_model_that_changes_recompiles_the_kernel_that_calls_it(house: House, tmp_path: Path) -> None:
    """The replay kernel is made of functions that it does not import: every model's source is one of its own."""
    (house.root / "replay" / "kernel.py").write_text(KERNEL.replace("from models.helper", "from replay.hooks"))
    (house.root / "replay" / "hooks.py").write_text(
        "from models import helper\nState, step = helper.State, helper.step"
    )
    entry = house.root / "models" / "entry.py"
    entry.write_text("from replay.kernel import main\n")
    assert [([10, 0], "")] == house.run(tmp_path / "cache")
    assert [([10, 1], "")] == house.run(tmp_path / "cache")
    (house.root / "models" / "late.py").write_text("# a model")

    assert [([10, 0], "")] == house.run(tmp_path / "cache")


def test_a_checkout_that_moves_stays_warm(house: House, tmp_path: Path) -> None:
    """Kernels are found again by the same sources at another place, whatever the files' times."""
    house.run(tmp_path / "cache")
    moved = House(tmp_path / "elsewhere")

    assert [([10, 1], "")] == moved.run(tmp_path / "cache")


def test_renaming_a_state_field_gives_a_new_kernel(house: House, tmp_path: Path) -> None:
    """A renamed state field neither breaks nor reuses what was compiled before."""
    house.run(tmp_path / "cache")
    house.helper("tally", 1)

    assert [([10, 0], "")] == house.run(tmp_path / "cache")


def test_two_processes_at_once_both_get_it_right(house: House, tmp_path: Path) -> None:
    """Processes that compile the same kernel into one folder at the same time do not disturb each other."""
    assert [10, 10] == [result[0] for result, _ in house.run(tmp_path / "cache", processes=2)]
    assert [([10, 1], "")] == house.run(tmp_path / "cache")


def test_an_unwritable_cache_is_said_once_and_works(house: House, tmp_path: Path) -> None:
    """Where no folder can be made the kernel is compiled in memory, with one notice."""
    blocker = tmp_path / "file"
    blocker.touch()
    [(result, messages)] = house.run(blocker)

    assert [10, 0] == result
    assert 1 == messages.count("compiling in memory")


def test_folders_long_unused_are_pruned(house: House, tmp_path: Path) -> None:
    """Making a new folder deletes those that nothing used for a month."""
    old = tmp_path / "cache" / "kernels" / "old"
    old.mkdir(parents=True)
    os.utime(old, (0, 0))
    house.run(tmp_path / "cache")

    assert not old.exists()


def test_an_unwritable_cache_leaves_no_folder_behind(root: Path, tmp_path: Path) -> None:
    """Generated loops that no cache can keep lie in a temporary folder that goes when the process ends."""
    blocker, temporary = tmp_path / "file", tmp_path / "temporary"
    blocker.touch()
    temporary.mkdir()
    program = (
        "import os; from tracegen.interpreter import load_loop as load; load('mips64', False); print(len(os.listdir()))"
    )
    found = subprocess.run(
        [sys.executable, "-c", program],
        cwd=temporary,
        env=os.environ | {"PYTHONPATH": str(root), "VMREPLAY_CACHE": str(blocker), "TMPDIR": str(temporary)},
        text=True,
        capture_output=True,
        check=True,
    )

    assert "1\n" == found.stdout
    assert [] == list(temporary.iterdir())


def test_ctrl_c_waits_until_the_compiler_lets_go() -> None:
    """A signal that comes while the compiler's lock is held acts when it is released, as it would have before."""
    before, reached = signal.getsignal(signal.SIGINT), []

    def compile_for_a_while() -> None:
        with global_compiler_lock:
            signal.raise_signal(signal.SIGINT)
            reached.append("the end")

    with pytest.raises(KeyboardInterrupt):
        compile_for_a_while()

    assert ["the end"] == reached
    assert before == signal.getsignal(signal.SIGINT)
