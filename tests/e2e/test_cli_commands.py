"""A newcomer's path on the installed wheel, outside the checkout: record, look, charge, compare."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest


def document(done: Any) -> Any:
    """The one JSON document that a command printed; it succeeded and said nothing else."""
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_packages_come_from_the_wheel(installed: Any, root: Path) -> None:
    """The commands import what the wheel installed, not the checkout."""
    done = installed.run("python", "-c", "import replay, tracegen, models, reports; print(replay.__file__)")

    assert done.returncode == 0, done.stderr
    assert not done.stdout.startswith(str(root))


def test_the_wheel_has_an_image_for_each_cpu(installed: Any) -> None:
    """Both kernels and the disk of each guest are in the wheel, so that recording takes no compiler."""
    listing = "from tracegen import build; print(*sorted(path.name for path in build.IMAGES.iterdir()))"
    done = installed.run("python", "-c", listing)

    cpus, kernels, parts = ("mips64", "x86-64"), ("full", "thin"), ("disk", "elf", "json")
    expected = [f"{cpu}-{kernel}.{part}" for cpu in cpus for kernel in kernels for part in parts]
    assert expected == done.stdout.split()


@pytest.mark.parametrize("cpu", ["mips64", "x86-64"])
def test_a_recording_says_what_the_guest_did(installed: Any, cpu: str) -> None:
    """`tracegen run` shows the guest's console and the size of its trace, and writes nothing but the trace."""
    done = installed.run("tracegen", "run", "radix", "--keys", "500", "--cpu", cpu, "-o", "t.arrow")

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("guest: ")
    assert re.search(
        r"^t\.arrow: [\d,]+ rows of \d\.\d\d bytes each, from [\d,]+ instructions$", done.stdout, re.MULTILINE
    )
    assert ["t.arrow"] == [path.name for path in installed.folder.iterdir()]


def test_a_trace_is_the_same_in_any_folder(installed: Any) -> None:
    """The same arguments give the same bytes, wherever and under whatever name they are written."""
    (installed.folder / "deeper").mkdir()
    for name in ("one.arrow", "deeper/two.arrow"):
        assert 0 == installed.run("tracegen", "run", "gups", "words=512", "updates=300", "-o", name).returncode

    first, second = ((installed.folder / name).read_bytes() for name in ("one.arrow", "deeper/two.arrow"))
    assert first == second


def test_recordings_describe_themselves(installed: Any, small_trace: Path) -> None:
    """`replay info --json` gives the workload, its arguments and rows whose groups add up."""
    facts = document(installed.run("replay", "info", str(small_trace), "--json"))

    assert ("radix", ["2000", "64", "1"], "mips64") == (facts["workload"], facts["arguments"], facts["architecture"])
    assert facts["complete"]
    assert facts["rows"] == sum(facts["rows_by_group"].values()) == sum(facts["rows_by_kind"].values())


@pytest.mark.parametrize("model", ["native", "disco"])
def test_rows_of_a_charge_sum_to_its_total(installed: Any, small_trace: Path, model: str) -> None:
    """The document names trace, model and machine, and its rows' cycles add up to the total exactly."""
    charged = document(installed.run("replay", "run", str(small_trace), "--model", model, "--json"))

    assert (model, "flash-1997", "radix") == (charged["model"], charged["machine"], charged["trace"]["workload"])
    total = charged["total"]
    assert total["cycles"] == sum(row["cycles"] for row in charged["rows"])
    assert total["low"] <= total["cycles"] <= total["high"]
    assert total["overhead"] == total["cycles"] / total["native"]
    fields = {"service", "counter", "count", "price", "unit", "source", "cycles"}
    assert all(fields <= set(row) for row in charged["rows"])


def test_comparison_and_single_charges_agree(installed: Any, small_trace: Path) -> None:
    """`replay compare` starts with bare hardware and gives each model the document of its own `replay run`."""
    compared = document(installed.run("replay", "compare", str(small_trace), "--json"))["models"]
    single = document(installed.run("replay", "run", str(small_trace), "--model", "disco", "--json"))

    assert "native" == compared[0]["model"]
    assert [single] == [charged for charged in compared if charged["model"] == "disco"]


def test_every_model_is_compared(installed: Any, small_trace: Path) -> None:
    """`replay compare` charges every model that `replay models` lists, and leaves none out."""
    compared = document(installed.run("replay", "compare", str(small_trace), "--json"))
    listed = document(installed.run("replay", "models", "--json"))["models"]

    assert {model["name"] for model in listed} == {charged["model"] for charged in compared["models"]}
    assert [] == compared["left_out"]


def test_rows_are_explained(installed: Any, small_trace: Path) -> None:
    """`replay explain MODEL --trace T --rows A:B` tells rows of the file, with what each ticked and what that cost."""
    command = ("replay", "explain", "native", "--trace", str(small_trace), "--rows", "20000:20100")
    told = document(installed.run(*command, "--json"))

    assert ("native", "flash-1997", "faithful") == (told["model"], told["machine"], told["fidelity"])
    assert 0 < len(told["rows"]) <= 100
    assert all(20000 <= row["row"] < 20100 and row["event"] for row in told["rows"])
    ticked = sum(tick["n"] for row in told["rows"] for tick in row["ticks"])
    assert 0 < ticked == sum(total["n"] for total in told["totals"])
    assert "what happened" in installed.run(*command).stdout


def test_settings_change_counts_and_prices_do_not(installed: Any, small_trace: Path) -> None:
    """A smaller TLB misses more; another price leaves every count as it was, and only less or more time to wait."""

    def run(*options: str) -> dict[tuple[str, str], int]:
        done = installed.run("replay", "run", str(small_trace), "--model", "native", "--json", *options)
        rows = [row for row in document(done)["rows"] if row["counter"] != "idle"]
        return {(row["service"], row["counter"]): row["count"] for row in rows}

    def refills(counts: dict[tuple[str, str], int]) -> int:
        return sum(count for (_, counter), count in counts.items() if counter == "utlb_refill")

    usual = run()
    assert refills(usual) < refills(run("--set", "tlb.entries=8"))
    assert usual == run("--price", "exception_entry=50")


def test_results_are_kept_in_a_new_folder(installed: Any, small_trace: Path) -> None:
    """`-o` saves manifest, counts and prices together, beside printing the table."""
    done = installed.run("replay", "run", str(small_trace), "--model", "disco", "-o", "out")

    assert done.returncode == 0, done.stderr
    tables = [f"{name}.parquet" for name in ("counts", "moments", "native", "prices", "stretches")]
    assert sorted(["manifest.json", *tables]) == sorted(path.name for path in (installed.folder / "out").iterdir())
    assert "saved in out" in done.stderr


def test_counts_are_saved_by_interval(installed: Any, small_trace: Path) -> None:
    """`--interval` saves counts apart and says nothing else about the run."""
    command = ("replay", "run", str(small_trace), "--model", "native", "--json", "-o")
    whole = document(installed.run(*command, "whole"))
    apart = document(installed.run(*command, "apart", "--interval", "50000"))

    assert (0, 50_000) == (whole.pop("interval"), apart.pop("interval"))
    assert whole == apart
    saved = pq.read_table(installed.folder / "apart" / "counts.parquet")
    instructions = sum(row["n"] for row in saved.to_pylist() if row["counter"] == "instructions")
    assert instructions == sum(row["count"] for row in whole["rows"] if row["counter"] == "instructions")
    assert len(set(saved["interval"].to_pylist())) > 5


@pytest.mark.parametrize(
    "command",
    [
        ("tracegen", "workloads"),
        ("replay", "models"),
        ("replay", "machines"),
        ("replay", "machines", "flash-1997"),
        ("replay", "explain", "disco"),
    ],
    ids=" ".join,
)
def test_lists_come_as_tables_and_as_json(installed: Any, command: tuple[str, ...]) -> None:
    """What can be listed prints as a table, and with --json as one document."""
    table = installed.run(*command)

    assert (0, "") == (table.returncode, table.stderr)
    assert document(installed.run(*command, "--json"))


def test_versions_agree(installed: Any) -> None:
    """Both commands tell the distribution's version."""
    said = {installed.run(program, "--version").stdout for program in ("replay", "tracegen")}

    assert {"vmreplay 0.1.0\n"} == said


def test_the_readme_reads_a_trace_with_polars(installed: Any, small_trace: Path, root: Path) -> None:
    """The README's three lines of polars print the accesses of a trace by kind."""
    (snippet,) = re.findall(r"```python\n(.*?)```", (root / "README.md").read_text(), re.DOTALL)
    assert 3 == len(snippet.splitlines())
    (installed.folder / "radix.arrow").symlink_to(small_trace)
    kinds = document(installed.run("replay", "info", str(small_trace), "--json"))["rows_by_kind"]

    done = installed.run("python", "-c", snippet)

    assert done.returncode == 0, done.stderr
    assert f"│ 0    ┆ {kinds['FETCH']} " in done.stdout


def test_the_readme_shows_what_the_demo_prints(installed: Any, root: Path) -> None:
    """The table in the README is, line for line, part of what the demo's last command prints."""
    (shown,) = re.findall(r"```text\n(.*?)```", (root / "README.md").read_text(), re.DOTALL)
    assert 0 == installed.run("tracegen", "run", "pmake", "-o", "pmake.arrow").returncode

    printed = installed.run("replay", "run", "pmake.arrow", "--model", "disco", "--by", "service").stdout

    assert shown in printed


def test_studies_are_listed(installed: Any) -> None:
    """`replay study list` names each study with what was published and where; nothing is recorded for it."""
    studies = document(installed.run("replay", "study", "list", "--json"))["studies"]

    assert {"study", "title", "source"} == set().union(*studies)
    assert {"disco-fig5", "disco-fig8", "disco-table2"} <= {one["study"] for one in studies}
    listing = installed.run("replay", "study", "list").stdout
    assert [] == [one["study"] for one in studies if one["study"] not in listing]
