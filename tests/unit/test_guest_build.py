"""The guest image: built the same everywhere, found when it fits its sources, and described by its refill template."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import shutil
import tomllib
from pathlib import Path

import pytest

from replay.errors import UserError
from tracegen import abi, build, filesystem, symbols, template
from tracegen.workloads import WORKLOADS, find, memory_bytes

MIPS64 = "mips64"


@pytest.fixture(scope="module", params=build.CPUS)
def cpu(request: pytest.FixtureRequest) -> str:
    """Each CPU that a guest is built for."""
    return str(request.param)


@pytest.fixture(scope="module")
def image(cpu: str) -> build.Image:
    """The guest's image for each CPU."""
    return build.image(cpu)


@pytest.fixture(scope="module")
def thin(cpu: str) -> build.Image:
    """The thin guest's image for each CPU, which takes least to build."""
    return build.image(cpu, "thin")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the guest's sources in another folder."""
    return Path(shutil.copytree(build.GUEST, tmp_path / "elsewhere" / "guest"))


@pytest.fixture
def no_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No shipped image, and an empty cache folder, which is given."""
    monkeypatch.setattr(build, "IMAGES", tmp_path / "none")
    monkeypatch.setenv("VMREPLAY_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "images"


def test_image_is_the_same_in_any_folder(cpu: str, image: build.Image, checkout: Path) -> None:
    """Sources copied elsewhere build to the same bytes, which name no folder."""
    built = build.build(cpu, checkout)

    assert image == built
    assert not any(b"guest/" in part for part in (built.data, built.disk))


def test_source_digest_follows_each_edit(cpu: str, checkout: Path) -> None:
    """The digest of the sources is that of their content and names, wherever they lie."""
    same = build.source_digest(cpu, checkout)
    (checkout / "kernel" / "param.h").write_text((checkout / "kernel" / "param.h").read_text() + "\n")
    edited = build.source_digest(cpu, checkout)
    (checkout / "kernel" / "param.h").rename(checkout / "kernel" / "limits.h")

    assert build.source_digest(cpu) == same
    assert 3 == len({same, edited, build.source_digest(cpu, checkout)})


def test_image_is_kept_and_found_again(
    no_images: Path, cpu: str, thin: build.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An image that had to be built is kept in the user's cache folder, and found there without a compiler."""
    first = build.image(cpu, "thin")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)

    assert thin == first == build.image(cpu, "thin")
    assert 3 == len(list(no_images.iterdir()))


def test_damaged_image_is_not_used(
    no_images: Path, cpu: str, image: build.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An image whose bytes are not those that were kept is built again."""
    builds: list[str] = []

    def built(cpu: str, kernel: str) -> build.Image:
        builds.append(f"{cpu} {kernel}")
        return image

    monkeypatch.setattr(build, "build", built)
    assert image == build.image(cpu)
    for suffix in ("elf", "disk"):
        (kept,) = no_images.glob(f"*.{suffix}")
        kept.write_bytes(kept.read_bytes()[:-1])

        assert image == build.image(cpu) == build.image(cpu)

    assert 3 * [f"{cpu} full"] == builds


def test_missing_compiler_is_one_clear_line(no_images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an image and a compiler, the error says what to install."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(UserError) as error:
        build.image()

    assert not no_images.exists()
    assert (
        "no guest image matches the guest's sources, and building one takes the compiler ziglang; "
        "`pip install ziglang==0.17.0` (vmreplay's extra `guest`)"
    ) == str(error.value)


@pytest.mark.usefixtures("no_images")
def test_other_compiler_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another version of the compiler would make another image, so it is not used."""
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "0.13.0")
    with pytest.raises(UserError) as error:
        build.image()

    assert "building one takes ziglang 0.17.0, found 0.13.0; `pip install ziglang==0.17.0`" in str(error.value)


def test_compiler_is_the_one_that_the_package_pins(root: Path) -> None:
    """The package's build requirement and this module name one version."""
    project = tomllib.loads((root / "pyproject.toml").read_text())

    assert f"{build.COMPILER}=={build.COMPILER_VERSION}" in project["build-system"]["requires"]


def test_wrong_source_is_one_clear_line(checkout: Path) -> None:
    """A source that does not compile is reported by file and line."""
    (checkout / "kernel" / "page.c").write_text("int page_init(\n")
    with pytest.raises(UserError) as error:
        build.build(MIPS64, checkout)

    assert str(error.value).startswith("building the guest image failed: kernel/page.c:1:15: error: ")
    assert 1 == len(str(error.value).splitlines())


def test_unknown_cpu_is_refused() -> None:
    """There is an image for the CPUs that can be emulated only."""
    with pytest.raises(UserError, match=r"^unknown CPU 'mips32'; did you mean 'mips64'\?$"):
        build.image("mips32")


def test_symbols_name_kernel_and_programs(image: build.Image) -> None:
    """The kernel's symbols and each program's are there, by address, at the places the map gives them."""
    addresses = [s.address for s in image.symbols]
    programs = {s.name: s.address for s in image.symbols if s.name.endswith(":main")}

    assert sorted(addresses) == addresses
    assert {f"{name}:main" for name in build.programs()} == set(programs)
    assert all(0x40_0000 < address < abi.USER_TOP for address in programs.values())


def test_vectors_are_where_mips64_looks_for_them() -> None:
    """The code of each exception vector begins at the vector's address."""
    vectors = {"vectors", "utlb_refill", "general_vector"}

    assert {
        "vectors": abi.VECTOR_REFILL,
        "utlb_refill": abi.VECTOR_XREFILL,
        "general_vector": abi.VECTOR_GENERAL,
    } == {s.name: s.address for s in build.image(MIPS64).symbols if s.name in vectors}


def test_disk_holds_programs_and_data_files(image: build.Image) -> None:
    """The disk has one ELF file for each program's folder, and each data file as it is."""
    files = filesystem.read(image.disk)
    data = {path.name: path.read_bytes() for path in build.data_files()}

    assert data == {name: file for name, file in files.items() if name in data}
    assert set(build.programs()) == {name for name, file in files.items() if file.startswith(symbols.MAGIC)} - set(data)
    assert {"gups", "radix", "echo", "usertests"} <= set(build.programs())


def test_template_is_what_a_hand_count_gives() -> None:
    """The refill template is the count of ``vectors.S`` as a reader makes it."""
    assert {
        "window": 0xFFFF_FFFF_C000_0000,
        "entry_bytes": 8,
        "pc": 0xFFFF_FFFF_8000_0080,
        "nested_pc": 0xFFFF_FFFF_8000_0180,
        "full": {"instructions": 12, "lines": 1, "sensitive": {"MFC0": 2, "MTC0": 2, "TLBWR": 1, "ERET": 1}},
        "aborted": {"instructions": 4, "lines": 1, "sensitive": {"MFC0": 2}},
        "nested": {"instructions": 21, "lines": 2, "sensitive": {"MFC0": 4, "MTC0": 2, "TLBWR": 1, "ERET": 1}},
    } == template.refill_template(build.image(MIPS64))


def test_argument_string_lists_sizes_in_order() -> None:
    """A workload's sizes, given or by default, make the guest's boot argument string."""
    assert "radix 262144 1024 1" == find("radix").command_line()
    assert "radix 100 16 4" == find("radix").command_line({"radix": 16, "keys": 100, "threads": 4})
    assert "gups 16777216 7" == find("gups").command_line({"updates": 7})


@pytest.mark.parametrize(
    ("workload", "arguments", "message"),
    [
        ("gups", {"words": 1000}, "gups: words should be a power of two from 512 to 134217728, is 1000"),
        ("gups", {"words": 1 << 28}, "gups: words should be a power of two from 512 to 134217728, is 268435456"),
        ("gups", {"updates": 0}, "gups: updates should be an integer from 1 to 100000000, is 0"),
        ("radix", {"keys": -1}, "radix: keys should be an integer from 1 to 4194304, is -1"),
        ("radix", {"radix": 10}, "radix: radix should be a power of two from 2 to 65536, is 10"),
        ("radix", {"key": 10}, "unknown argument of radix 'key'; did you mean 'keys'?"),
        ("radx", {}, "unknown workload 'radx'; did you mean 'radix'?"),
    ],
)
def test_wrong_workload_or_size_is_refused(workload: str, arguments: dict[str, int], message: str) -> None:
    """A wrong name or size is one line that names it, its range and where to look."""
    with pytest.raises(UserError) as error:
        find(workload).command_line(arguments)

    assert f"{message} (see `tracegen workloads`)" == str(error.value)


def test_default_and_largest_sizes_are_in_range() -> None:
    """Every default is allowed, and so are the bounds themselves."""
    sized = [w for w in WORKLOADS.values() if w.parameters]
    lines = [
        workload.command_line({p.name: value for p, value in zip(workload.parameters, values, strict=True)})
        for workload in sized
        for values in (
            [p.default for p in workload.parameters],
            [p.low for p in workload.parameters],
            [p.high for p in workload.parameters],
        )
    ]

    assert 3 * len(sized) == len(set(lines))


def test_a_machine_has_the_memory_that_its_workload_needs() -> None:
    """The usual memory, or more than a workload touches by what tables, kernel and buffers take."""
    assert 64 << 20 == memory_bytes("radix") == memory_bytes("gups", {"words": 1 << 20})
    for name, sizes, touched in (
        ("gups", {}, 8 << 24),
        ("graph", {}, (64 + 32 * 12) << 18),
        ("kv", {}, 1024 << 17),
        ("kv", {"items": 980_000}, 1_000_000_000),
        ("pointer-chase", {"pages": 250_000}, 1_000_000_000),
    ):
        assert max(100_000_000, touched + (16 << 20)) < memory_bytes(name, sizes) <= min(touched * 1.2, 1 << 30)


def test_a_refill_handler_that_loops_is_one_line(checkout: Path) -> None:
    """A changed kernel whose handler never gets to its eret is refused with the file to correct."""
    vectors = checkout / build.ARCH / MIPS64 / "kernel" / "vectors.S"
    vectors.write_text(vectors.read_text().replace("utlb_refill:\n", "utlb_refill:\n b utlb_refill\n nop\n"))

    with pytest.raises(UserError, match=r"no straight path to eret.*vectors\.S"):
        template.refill_template(build.build(MIPS64, checkout, kernel="thin"))
