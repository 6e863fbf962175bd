"""raytrace in the guest: the image is, bit for bit, what a plain ray tracer on the host sees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tracegen import build

from .chance import digest
from .tracer import Scene

Boot = Callable[..., Any]


@pytest.mark.parametrize("cpu", build.CPUS)
@pytest.mark.parametrize("sizes", [(1, 1, 0, 0, 1), (24, 18, 12, 2, 1), (20, 20, 5, 1, 4)])
@pytest.mark.parametrize("vcpus", [1, 4])
def test_the_image_is_the_independent_one(boot_on: Boot, cpu: str, sizes: tuple[int, ...], vcpus: int) -> None:
    """With any number of threads and vCPUs and on each CPU, every pixel's bits are those of the twin's arithmetic."""
    width, height, spheres, depth, _ = sizes
    run = boot_on(cpu, f"raytrace {' '.join(map(str, sizes))}", vcpus=vcpus)
    scene = Scene(spheres, depth)
    seen = digest(scene.pixel(x, y, width, height) for y in range(height) for x in range(width))

    said = f"raytrace: {width * height} pixels, {8 << 2 * depth} triangles, digest {seen:#x}, 0 wrong\n"
    assert (0, said) == (run.status, run.console)
