"""The documentation names what there is, and nothing that there is not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import models
from replay import api
from replay.commands import page, workload_page
from replay.commands.workload_runs import runs_of
from replay.grid import read_grid
from replay.handmade import Script, handmade_meta
from replay.machine import load_machine, load_prices, price_set_names
from replay.memory.parameters import on_machine
from replay.sched import schedule
from replay.trace.schema import Kind
from tracegen import abi, build
from tracegen.workloads import WORKLOADS

LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
CODE_PATH = re.compile(r"`((?:replay|tracegen|models|reports|tests|docs|benchmarks)/[\w./-]+)`")


def words(glossary: str) -> set[str]:
    """The words that the glossary's tables define: first cells, split at commas."""
    cells = re.findall(r"^\| ([^|]+?) \|", glossary, re.MULTILINE)
    return {word.strip() for cell in cells for word in cell.split(",")}


@pytest.fixture(scope="module")
def defined(root: Path) -> set[str]:
    """The glossary's words."""
    return words((root / "docs" / "glossary.md").read_text())


@pytest.mark.parametrize("name", sorted(models.BUILT_IN))
def test_counters_are_in_the_glossary(defined: set[str], name: str) -> None:
    """Each counter of each model that comes with the package is explained, those of a machine with caches too."""
    model = on_machine(models.load(name), load_machine("flash-1997-numa"), {})

    assert [] == sorted(set(model.counters) - defined)


def test_the_page_of_models_is_current(root: Path) -> None:
    """The page that puts the models side by side is what `make docs` writes of them."""
    assert page.page() == (root / "docs" / "models.md").read_text()


def test_services_are_in_the_glossary(defined: set[str]) -> None:
    """Each service that a recording can name is explained."""
    assert [] == sorted({service.name for service in abi.services()} - defined)


def test_no_word_is_defined_twice(root: Path) -> None:
    """The glossary has one entry per word."""
    cells = re.findall(r"^\| ([^|]+?) \|", (root / "docs" / "glossary.md").read_text(), re.MULTILINE)
    headings = {"word", "service", "counter"}
    found = [word.strip() for cell in cells for word in cell.split(",") if cell not in headings]

    assert [] == sorted({word for word in found if found.count(word) > 1})


def pages(root: Path) -> list[Path]:
    """Every page of documentation."""
    return [*root.glob("*.md"), *(root / "docs").rglob("*.md")]


def test_links_lead_somewhere(root: Path) -> None:
    """Each link between pages, and each path of the project that a page names, exists."""
    dead = [
        f"{page.relative_to(root)}: {target}"
        for page in pages(root)
        for pattern, base in ((LINK, page.parent), (CODE_PATH, root))
        for target in pattern.findall(page.read_text())
        if not (base / target).exists() and "my_model" not in target and target != "tracegen/images"
    ]

    assert [] == dead


def test_the_example_of_a_grid_can_be_planned(root: Path, tmp_path: Path) -> None:
    """What the page of sweeps shows as a grid is one, of what its models take on its machine."""
    example = re.findall(r"```toml\n(.*?)```", (root / "docs" / "sweeps.md").read_text(), re.DOTALL)[0]
    (tmp_path / "grid.toml").write_text(example)
    script = Script(handmade_meta(architecture="x86-64"))
    script.row(Kind.LOAD8, script.user(7))
    for trace in ("pmake.arrow", "radix.arrow"):
        script.save(tmp_path / trace)
    planned = api.plan(read_grid(str(tmp_path / "grid.toml")))
    charged, left_out = {group.ours.model.name for group in planned.groups}, planned.left_out

    assert ({"ept", "npt"}, ()) == (charged, left_out)


def test_decision_records_have_one_form(root: Path) -> None:
    """Records are numbered without a gap and state context, decision and consequences, on one page."""
    records = sorted((root / "docs" / "adr").glob("*.md"))

    assert [f"{number:03}" for number in range(1, len(records) + 1)] == [record.name[:3] for record in records]
    for number, record in enumerate(records, 1):
        lines = record.read_text().splitlines()
        assert lines[0].startswith(f"# {number}. "), record.name
        assert ["## Context", "## Decision", "## Consequences"] == [line for line in lines if line.startswith("## ")]
        assert len(lines) <= 60, record.name


def test_the_changelog_has_a_place_for_what_is_new(root: Path) -> None:
    """The newest section of the changelog is the unreleased one."""
    headings = re.findall(r"^## (.*)$", (root / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert "[Unreleased]" == headings[0]


def test_the_readme_gives_both_commands(root: Path) -> None:
    """The README says how to see it work and how to test it, and the Makefile knows both."""
    readme, makefile = ((root / name).read_text() for name in ("README.md", "Makefile"))

    assert ["make demo", "make test"] == [c for c in ("make demo", "make test") if c in readme]
    assert all(f"\n{target}: " in makefile for target in ("demo", "test", "lint", "bench", "lock"))
    assert "make test" in (root / ".ci" / "run").read_text()


def test_the_pages_name_real_parameters_and_prices(root: Path) -> None:
    """What a page tells the reader to --set or to --price exists."""
    text = "\n".join(page.read_text() for page in pages(root))
    machine = load_machine("flash-1997-numa")
    there = [on_machine(models.load(name), machine, {}) for name in models.BUILT_IN]
    parameters = {p.name for model in there for p in model.parameters} | {p.name for p in schedule.PARAMETERS}

    assert set() == set(re.findall(r"--set ([a-z][\w.]*)=", text)) - parameters
    prices = {price for name in price_set_names() for price in load_prices(name)}
    assert set() == set(re.findall(r"--price ([a-z][\w.]*)=", text)) - prices


def test_every_workload_has_its_figures(root: Path) -> None:
    """The page of figures has three rows for each machine of each workload's runs, or names a run as one without."""
    text = (root / "docs" / "workload-figures.md").read_text()
    head, *parts = text.split("\n## On ")
    missing = head.rpartition("Without figures here:")[2]

    assert text.endswith(workload_page.PAPERS)
    for cpu, part in zip(build.CPUS, parts, strict=True):
        runs = {name: [r for r in runs_of(name, cpu) if f"`{r.name}`" not in missing] for name in WORKLOADS}
        assert part.startswith(f"{cpu}\n")
        assert {name: 3 * sum(run.vms for run in shown) for name, shown in runs.items()} == {
            name: part.count(f"\n| `{name}` |") for name in runs
        }
