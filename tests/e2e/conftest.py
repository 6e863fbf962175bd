"""Fixtures: the project as a user has it, a wheel installed outside the checkout; and the guest, booted in this one."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from tracegen import build, filesystem
from tracegen.machine import make
from tracegen.writer import unpack

SECONDS = 300
"""No command of these tests takes longer."""


@dataclass(frozen=True)
class Installed:
    """The commands of an installed wheel, run in ``folder``."""

    bin: Path
    folder: Path

    def run(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run ``command`` to its end, with ``variables`` added to a plain environment; stdout and stderr are text."""
        return subprocess.run(
            [self.bin / command[0], *command[1:]],
            cwd=self.folder,
            env=self.environment(**variables),
            text=True,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=SECONDS,
            check=False,
        )

    def environment(self, **variables: str) -> dict[str, str]:
        """The environment of the commands: nothing of the checkout's, no colour settings."""
        dropped = ("PYTHONPATH", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "TERM")
        return {k: v for k, v in os.environ.items() if k not in dropped} | variables


@pytest.fixture(scope="session")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel built from this checkout."""
    target = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", target], cwd=root, check=True, timeout=SECONDS
    )
    (built,) = target.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def installation(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of commands of an environment that holds the wheel, and sees its dependencies in this one."""
    home = tmp_path_factory.mktemp("installed")
    venv.create(home, symlinks=True)
    python = home / "bin" / "python"
    site = Path(sysconfig.get_path("purelib", "venv", vars={"base": str(home)}))
    # A plain path line: .pth files of the other folder, such as an editable install's, are not followed.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = [sys.executable, "-m", "pip", "--python", python, "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "install", "--no-deps", "--no-index", "--ignore-installed", wheel], check=True, timeout=SECONDS
    )
    return home / "bin"


@pytest.fixture
def installed(installation: Path, tmp_path: Path) -> Installed:
    """The installed commands, run in an empty folder."""
    return Installed(installation, tmp_path)


@pytest.fixture(scope="session")
def small_trace(installation: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trace of a radix sort of 2,000 keys, recorded by the installed wheel."""
    folder = tmp_path_factory.mktemp("recorded")
    done = Installed(installation, folder).run("tracegen", "run", "radix", "keys=2000", "radix=64", "-o", "small.arrow")
    assert done.returncode == 0, done.stderr
    return folder / "small.arrow"


class Run(NamedTuple):
    """How the guest's run ended, its rows, and what it left on the disk."""

    status: int | None
    console: str
    rows: dict[str, np.ndarray]
    disk: bytes


@pytest.fixture(scope="session")
def boot_on() -> Callable[..., Run]:
    """Boots the guest on a CPU with a boot argument string and runs it to its end."""

    def run(
        cpu: str, line: str, memory_bytes: int = 64 << 20, *, disk_bytes: int = 2 << 20, seed: int = 1, vcpus: int = 1
    ) -> Run:
        image, chunks = build.image(cpu), list[dict[str, np.ndarray]]()
        disk = filesystem.fit(image.disk, disk_bytes)
        machine = make(cpu, image.data, memory_bytes, seed, line.split(), disk=disk, vcpus=vcpus)
        result = machine.run(sink=lambda words, counts: chunks.append(unpack(words, counts)))
        rows = {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}
        assert result.reason == "exit"
        return Run(result.status, result.console.decode(), rows, machine.disk_image())

    return run
