"""Grids: what files and the command line state, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from replay.errors import UserError
from replay.grid import Block, Grid, check, expand, read_grid, with_axes


def grid_of(tmp_path: Path, text: str) -> Grid:
    """The grid that a file with ``text`` states."""
    path = tmp_path / "g.toml"
    path.write_text(text)
    return read_grid(str(path))


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("16:1024:*2", [16, 32, 64, 128, 256, 512, 1024]),
        ("0:100:+40", [0, 40, 80]),
        ("1:3:1", [1, 2, 3]),
        ("0.5:2:*2", [0.5, 1.0, 2.0]),
        ("0.2:1:+0.2", [0.2, 0.4, 0.6, 0.8, 1.0]),
        ("lru", ["lru"]),
        ("0x40", [64]),
        ("900 cycles", ["900 cycles"]),
    ],
)
def test_ranges_are_expanded(text: str, values: list[object]) -> None:
    """A range holds both ends if the steps meet them; anything else is one value."""
    assert values == expand(text, "here")


@pytest.mark.parametrize("text", ["16:1024", "5:1:+1", "1:5:+0", "1:8:*1", "0:8:*2", "a:b:+1", "0:1000000000:+1"])
def test_ranges_that_make_no_sense_are_refused(text: str) -> None:
    """A range without a step, or one that does not end or has a billion values, is refused by its text."""
    with pytest.raises(UserError, match=f"here: range '{text.replace('*', '.').replace('+', '.')}"):
        expand(text, "here")


def test_a_file_states_every_kind_of_block(tmp_path: Path) -> None:
    """Lists, ranges, lists that go together and samples become blocks, traces lie beside the file."""
    grid = grid_of(
        tmp_path,
        """
        traces = ["t.arrow", "s3://bucket/u.arrow"]
        models = ["ept"]
        set.tlb.tagged = [0, 1]
        price.vm_exit = "500:700:+100"
        [[zip]]
        set.stlb.entries = [512, 1024]
        price.stlb_hit = [7, 9]
        [sample]
        points = 4
        price.invlpg = "10:20"
        """,
    )

    assert (str(tmp_path / "t.arrow"), "s3://bucket/u.arrow") == grid.traces
    assert Block(("set.tlb.tagged",), ((0,), (1,))) == grid.blocks[0]
    assert Block(("price.vm_exit",), ((500,), (600,), (700,))) == grid.blocks[1]
    assert Block(("set.stlb.entries", "price.stlb_hit"), ((512, 7), (1024, 9))) == grid.blocks[2]
    assert ("price.invlpg",) == grid.blocks[3].names
    assert all(10 <= value <= 20 for (value,) in grid.blocks[3].rows)
    assert 2 * 2 * 3 * 2 * 4 == grid.size


@pytest.mark.parametrize("method", ["sobol", "random"])
def test_samples_are_the_same_each_time(tmp_path: Path, method: str) -> None:
    """The same seed draws the same points, another one others; parameters are whole numbers."""
    text = f'[sample]\npoints = 8\nmethod = "{method}"\nset.stlb.entries = "64:4096:*"\nprice.vm_exit = "1:9"\nseed = '
    one, again, other = (grid_of(tmp_path, text + seed).blocks[0] for seed in ("1", "1", "2"))

    assert one == again
    assert one != other
    assert all(type(entries) is int and 64 <= entries <= 4096 and 1 <= price <= 9 for entries, price in one.rows)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("modles = []", "unknown key of .*modles.*did you mean 'models'"),
        ("[sample]\npoints = 0\nprice.x = '1:2'", "points is 0"),
        ("[sample]\npoints = 4", "names nothing to draw"),
        ("[sample]\npoints = 4\nprice.x = [1, 2]", "give a range to draw from"),
        ("[sample]\npoints = 4\nmethod = 'sobel'\nprice.x = '1:2'", "did you mean 'sobol'"),
        ("[[zip]]\nset.a = [1, 2]\nprice.b = [1]", "set.a has 2, price.b has 1; give lists of one length"),
        ("set.a = [1, 1]", "states a value twice"),
        ("set.a = [true]", "holds True"),
        ("interval = 5", "interval is 5"),
        ("traces = [1]", "traces should be a list of names"),
        ("traces = [", "not a TOML file"),
    ],
)
def test_bad_grids_are_refused(tmp_path: Path, text: str, words: str) -> None:
    """What a file states wrongly is refused with its name, the key and what to write."""
    with pytest.raises(UserError, match=words):
        grid_of(tmp_path, text)


def test_a_billion_points_are_refused_with_their_count() -> None:
    """A grid that is too large says how large it is, and what to do instead."""
    thousand = tuple((n,) for n in range(1000))
    grid = Grid("g", ("t",), ("ept",), blocks=tuple(Block((f"price.{name}",), thousand) for name in "abc"))

    with pytest.raises(UserError, match=r"the grid has 1,000,000,000 points, more than 1,000,000; .*\[sample\]"):
        check(grid)


@pytest.mark.parametrize(
    ("grid", "words"),
    [
        (Grid("g", (), ("ept",)), "names no traces"),
        (Grid("g", ("t",), ()), "names no models"),
        (Grid("g", ("t",), ("ept",), blocks=(Block(("set.a",), ()),)), "gives set.a no values"),
        (Grid("g", ("t",), ("ept",), blocks=(Block(("set.a",), ((1,),)),) * 2), "states set.a in two places"),
    ],
)
def test_empty_grids_are_refused(grid: Grid, words: str) -> None:
    """A grid without traces, models or values, or that states something twice, is refused."""
    with pytest.raises(UserError, match=words):
        check(grid)


def test_the_command_line_adds_axes() -> None:
    """Lists and ranges on the command line vary more, but not what the grid varies already."""
    grid = with_axes(Grid("g", ("t",), ("ept",)), "set", {"stlb.entries": "64,128:512:*2"})

    assert (Block(("set.stlb.entries",), ((64,), (128,), (256,), (512,))),) == grid.blocks
    with pytest.raises(UserError, match=r"--set stlb.entries: the grid states it too"):
        with_axes(grid, "set", {"stlb.entries": "1"})
