"""Whatever a user gets wrong is one line with the remedy, a non-zero exit code and no half-written file."""

from __future__ import annotations

import resource
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

SMALL = "SMALL"
"""Stands for the path of a good trace in the commands below."""


def check(done: Any, folder: Path, *words: str, code: int = 2) -> None:
    """One error line that holds ``words``; nothing on stdout; nothing left in ``folder``."""
    assert code == done.returncode
    assert "" == done.stdout
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert [] == [word for word in words if word not in line]
    assert [] == list(folder.iterdir())


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("replay rum", ["no such command 'rum'", "did you mean 'run'"]),
        ("replay run SMALL", ["missing option '--model'", "replay run --help"]),
        ("replay run SMALL --modle disco", ["--modle", "did you mean --model"]),
        ("replay run SMALL --model disko", ["unknown model 'disko'", "did you mean 'disco'", "replay models"]),
        ("replay run SMALL --model disco --machine flash-1998", ["unknown machine", "flash-1997", "replay machines"]),
        ("replay run SMALL --model disco --machine none.toml", ["none.toml"]),
        ("replay run SMALL --model disco --set tlb.entires=64", ["'tlb.entires'", "did you mean 'tlb.entries'"]),
        ("replay run SMALL --model disco --set tlb.entries=0", ["tlb.entries = 0 is out of range"]),
        ("replay run SMALL --model disco --set tlb.entries=many", ["tlb.entries", "'many'"]),
        ("replay run SMALL --model disco --by srvice", ["'--by': 'srvice' is not one of 'mechanism', 'service'"]),
        ("replay run SMALL --model disco --interval 5000", ["--interval", "give --output FOLDER"]),
        (
            "replay run SMALL --model disco -o out --interval 1000000000000 --interval 7",
            ["--interval", "greater than or equal to 1000"],
        ),
        ("replay run SMALL --model disco --set tlb.entries", ["--set 'tlb.entries' is not NAME=VALUE"]),
        ("replay run SMALL --model disco --price l2tlb_hti=20", ["'l2tlb_hti'", "did you mean 'l2tlb_hit'"]),
        ("replay run SMALL --model disco --price l2tlb_hit=-1", ["l2tlb_hit"]),
        ("replay run SMALL --model disco --price l2tlb_hit=20furlongs", ["l2tlb_hit", "cycles"]),
        ("replay run missing.arrow --model disco", ["missing.arrow"]),
        ("replay run . --model disco", ["."]),
        ("replay compare SMALL --set no.such=1", ["unknown parameter 'no.such'"]),
        ("replay explain disko", ["did you mean 'disco'"]),
        ("replay explain bare", ["bare means native on a trace of mips64 and native-walk on a trace of x86-64"]),
        ("replay explain disco --rows 1:2", ["--rows", "give --trace TRACE, too"]),
        ("replay explain disco --trace SMALL --rows 5", ["--rows '5' is not FIRST:LAST", "--rows 1000:1040"]),
        ("replay explain disco --trace SMALL --rows 0:1000000000", ["at most 10,000 are told at once"]),
        ("replay explain disco --trace SMALL --rows 999999990:999999999", ["goes beyond them"]),
        ("replay run SMALL --model disco --synthesize first-touch", ["page-table events of its own", "leave"]),
        ("replay run SMALL --model disco --synthesize last-touch", ["unknown rule 'last-touch'", "first-touch"]),
        ("replay study disco-fig55", ["unknown study 'disco-fig55'", "did you mean 'disco-fig5'", "replay study list"]),
        ("replay study disco-fig5 -o SMALL/out", ["/out: ", "name another folder with -o"]),
        ("replay info missing.arrow", ["missing.arrow"]),
        ("tracegen run radx", ["unknown workload 'radx'", "did you mean 'radix'", "tracegen workloads"]),
        ("tracegen run radix --cpu mips65", ["unknown CPU 'mips65'", "did you mean 'mips64'"]),
        ("tracegen run radix --kyes 5", ["'kyes'", "did you mean 'keys'"]),
        ("tracegen run radix keys=0", ["keys", "from 1 to"]),
        ("tracegen run radix --memory 64", ["--memory '64'", "64M"]),
        ("tracegen run radix --memory 4G", ["from 8192 to 2147483648 (2048M)"]),
        ("tracegen run radix --memory 4K", ["memory"]),
        ("tracegen run radix --disk 16", ["--disk '16'", "64M"]),
        ("tracegen run radix --disk 4K", ["a disk of 4096 bytes", "its files"]),
        ("tracegen run radix --disk 2G", ["a disk of 2147483648 bytes", "to 1073741824"]),
        ("tracegen run radix --seed -1", ["--seed"]),
        ("tracegen run radix keys=500 -o no/such/t.arrow", ["no/such"]),
        ("tracegen run radix keys=500 -o .", ["folder"]),
        ("tracegen run radix --vms 17", ["--vms", "less than or equal to 16"]),
        ("tracegen run radix --vms 2 --vm radix", ["write --vms with a workload's name, or only --vm"]),
        ("tracegen run --vms 2", ["write --vms with a workload's name, or only --vm"]),
        ("tracegen run --vm radix --vm memry=64M", ["unknown setting of --vm 'memry'", "did you mean 'memory'"]),
        ("tracegen run --vm vcpus=2", ["--vm 'vcpus=2' names no workload"]),
        ("tracegen run --vm radx", ["unknown workload 'radx'", "did you mean 'radix'"]),
        ("tracegen run --vm vcpus=17 --vm radix", ["--vm 'vcpus=17' names no workload"]),
        ("tracegen run radix --vms 2 --skip-instructions 5", ["from power-on", "leave --from and --skip out"]),
        ("tracegen run radix keys=500 --vms 2 -o SMALL", ["is a file; name a folder with -o"]),
        ("tracegen run radix --latency 50", ["--latency '50'", "write for example --latency 50us"]),
        ("tracegen run radix --bandwidth 1G", ["--bandwidth '1G'", "write for example --bandwidth 100Mbit"]),
        ("tracegen run radix --drop some", ["--drop 'some'", "--drop 1% drops one of a hundred"]),
    ],
)
def test_mistakes_are_one_line(installed: Any, small_trace: Path, command: str, words: list[str]) -> None:
    """Each mistake is named in one line with what was meant or what to do."""
    done = installed.run(*command.replace(SMALL, str(small_trace)).split())

    check(done, installed.folder, *words)


@pytest.mark.parametrize("verb", ["info", "run", "compare"])
@pytest.mark.parametrize("damage", ["empty", "truncated", "flipped", "foreign"])
def test_damaged_traces_are_refused(installed: Any, small_trace: Path, tmp_path: Path, verb: str, damage: str) -> None:
    """An empty, truncated, altered or foreign file is no trace, whatever is asked of it."""
    whole = small_trace.read_bytes()
    middle = len(whole) // 2
    bad = {
        "empty": b"",
        "truncated": whole[: middle + 1],
        "flipped": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
        "foreign": b"PK\3\4" + bytes(1000),
    }[damage]
    place = tmp_path / "bad"
    place.mkdir()
    (place / "t.arrow").write_bytes(bad)
    options = ["--model", "disco"] if verb == "run" else []

    done = installed.run("replay", verb, "bad/t.arrow", *options)

    (place / "t.arrow").unlink()
    place.rmdir()
    check(done, installed.folder, "bad/t.arrow")


def start(installed: Any, *command: str, cache: str = "", **options: Any) -> subprocess.Popen[str]:
    """Start a command without waiting for its end, with a ``cache`` of its own if named."""
    return subprocess.Popen(
        [installed.bin / command[0], *command[1:]],
        cwd=installed.folder,
        env=installed.environment(**({"VMREPLAY_CACHE": cache} if cache else {})),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )


def finish(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    """Wait for the end of a started command."""
    out, err = process.communicate(timeout=60)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@pytest.mark.parametrize(
    ("sent", "code", "word"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
    ids=["ctrl-c", "kill"],
)
def test_an_interrupted_recording_keeps_its_trace(installed: Any, sent: signal.Signals, code: int, word: str) -> None:
    """Ctrl-C or a kill in the middle of a recording ends it; the trace up to there is whole and says why."""
    process = start(installed, "tracegen", "run", "radix", "keys=4000000", "-o", "t.arrow")
    limit = time.monotonic() + 120
    while time.monotonic() < limit and sum(path.stat().st_size for path in installed.folder.iterdir()) < 100_000:
        time.sleep(0.05)
    process.send_signal(sent)
    done = finish(process)
    told = installed.run("replay", "info", "t.arrow")

    assert code == done.returncode, done.stderr
    assert ["t.arrow"] == [path.name for path in installed.folder.iterdir()]
    assert f"error: {word}; t.arrow holds its trace up to there, marked incomplete" == done.stderr.splitlines()[-1]
    assert "pc:  " in done.stderr
    assert f"cut short: the guest had not finished ({word})" in told.stdout


def test_a_failed_guest_marks_its_trace(installed: Any) -> None:
    """A guest that fails says why at its end, and so does everything that is shown of its trace later."""
    done = installed.run("tracegen", "run", "gups", "words=1048576", "--memory", "4M", "-o", "t.arrow")
    info = installed.run("replay", "info", "t.arrow")
    charged = [
        installed.run("replay", *f"{command} t.arrow".split())
        for command in ("run --model disco", "run --model disco --by service", "compare")
    ]
    why = "its workload failed with status 137; the guest ran out of memory; give it more with --memory"

    assert 1 == done.returncode
    assert done.stderr.endswith("--memory; t.arrow holds its trace up to there, marked incomplete\n")
    assert f"The recorded guest failed: {why}." in " ".join(info.stdout.split())
    for shown in charged:
        assert f"This trace is incomplete, and so are its costs: {why}." in " ".join(shown.stdout.split())


@pytest.mark.parametrize("seconds", [0.1, 0.3, 1.5, 3.0], ids=["importing", "opening", "compiling", "compiling more"])
def test_an_interrupted_charge_leaves_nothing_half_written(installed: Any, small_trace: Path, seconds: float) -> None:
    """Ctrl-C while a first run gets going is one line; neither results nor caches hold anything half done."""
    command = ("replay", "run", str(small_trace), "--model", "disco", "-o", "results")
    process = start(installed, *command, cache="cache")
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    done = finish(process)

    assert (130, "", ["error: interrupted; nothing was written"]) == (
        done.returncode,
        done.stdout,
        done.stderr.splitlines(),
    )
    assert {"cache"} >= {path.name for path in installed.folder.iterdir()}
    for entry in installed.folder.glob("cache/prepared/*"):
        assert (entry / "checksums.json").exists(), entry.name


def test_a_full_disk_leaves_nothing(installed: Any) -> None:
    """A trace that does not fit is one line naming the file, and no part of it stays."""

    def limit_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    done = finish(start(installed, "tracegen", "run", "radix", "keys=4000", "-o", "t.arrow", preexec_fn=limit_files))

    check(done, installed.folder, "t.arrow")
