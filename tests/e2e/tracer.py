"""A ray tracer without a grid, written from the guest's scene: each ray asks every sphere and every triangle."""

from __future__ import annotations

import math
from typing import NamedTuple

from .chance import Chance

FAR, CLOSE, HORIZON, AMBIENT, MIRRORS = 1e30, 1e-6, 1000.0, 0.15, 3
BALL_Y, BUMP = 1.5, 1.5


class Vector(NamedTuple):
    """A point or a direction.  Operations are made in the guest's order, so that the bits are the same."""

    x: float
    y: float
    z: float

    def plus(self, other: Vector) -> Vector:
        """The sum."""
        return Vector(self.x + other.x, self.y + other.y, self.z + other.z)

    def minus(self, other: Vector) -> Vector:
        """The difference."""
        return Vector(self.x - other.x, self.y - other.y, self.z - other.z)

    def times(self, by: float) -> Vector:
        """A multiple."""
        return Vector(self.x * by, self.y * by, self.z * by)

    def dot(self, other: Vector) -> float:
        """The inner product."""
        return self.x * other.x + self.y * other.y + self.z * other.z

    def cross(self, other: Vector) -> Vector:
        """The outer product."""
        x, y, z = self
        return Vector(y * other.z - z * other.y, z * other.x - x * other.z, x * other.y - y * other.x)

    def unit(self) -> Vector:
        """The direction, of length 1."""
        return self.times(1 / math.sqrt(self.dot(self)))


class Surface(NamedTuple):
    """Where a ray ends: its point, the normal towards the ray, and what is seen there."""

    point: Vector
    normal: Vector
    colour: Vector
    mirror: float


Sphere = tuple[Vector, float, Vector, float]
Triangle = tuple[Vector, Vector, Vector, Vector]
LAMP, EYE, SKY = Vector(-4, 6, -5), Vector(0, 2, -6), Vector(0.4, 0.6, 0.9)


class Scene:
    """The floor, so many spheres, and a ball of 8 triangles that are divided so often."""

    def __init__(self, spheres: int, depth: int) -> None:
        chance = Chance(0)
        self.spheres = [self._sphere(chance) for _ in range(spheres)]
        self.triangles: list[Triangle] = []
        for octant in range(8):
            x, y, z = (1.0 if octant >> bit & 1 else -1.0 for bit in range(3))
            self._divide((Vector(x, 0, 0), Vector(0, y, 0), Vector(0, 0, z)), depth)

    def pixel(self, x: int, y: int, width: int, height: int) -> int:
        """Red, green and blue, 8 bits each."""
        across, up = ((2 * x + 1) / width - 1) * 0.7, (1 - (2 * y + 1) / height) * 0.5
        seen = self._light(EYE, Vector(across, up - 0.15, 1).unit(), 0)
        red, green, blue = (min(int(part * 255 + 0.5), 255) for part in seen)
        return red << 16 | green << 8 | blue

    @staticmethod
    def _sphere(chance: Chance) -> Sphere:
        def fraction() -> float:
            return chance.below(1 << 20) / (1 << 20)

        x, z, radius = fraction() * 8 - 4, fraction() * 8 - 4, fraction() * 0.5 + 0.1
        colour = Vector(fraction(), fraction(), fraction())
        return Vector(x, radius, z), radius, colour, 0.4 if chance.below(2) else 0.0

    def _divide(self, corners: tuple[Vector, Vector, Vector], depth: int) -> None:
        if depth == 0:
            a, b, c = (self._surface(corner) for corner in corners)
            first, second = b.minus(a), c.minus(a)
            self.triangles.append((a, first, second, first.cross(second).unit()))
            return
        a, b, c = corners
        ab, bc, ca = a.plus(b).unit(), b.plus(c).unit(), c.plus(a).unit()
        for part in ((a, ab, ca), (b, bc, ab), (c, ca, bc), (ab, bc, ca)):
            self._divide(part, depth - 1)

    @staticmethod
    def _surface(direction: Vector) -> Vector:
        point = direction.times(1 + BUMP * direction.x * direction.y * direction.z)
        return Vector(point.x, point.y + BALL_Y, point.z)

    def _nearest(self, start: Vector, along: Vector) -> tuple[float, int, int]:
        """How far the first thing is, its kind (floor, sphere, triangle), and its number; the lowest of several."""
        met = [(FAR, 0, 0)]
        if along.y < 0 and -start.y / along.y < HORIZON:
            met.append((-start.y / along.y, 1, 0))
        for number, (centre, radius, _, _) in enumerate(self.spheres):
            way = start.minus(centre)
            half = way.dot(along)
            rest = half * half - (way.dot(way) - radius * radius)
            if rest >= 0:
                root = math.sqrt(rest)
                met += [(-half - root, 2, number), (root - half, 2, number)]
        met += [(at, 3, n) for n, t in enumerate(self.triangles) if (at := self._triangle(t, start, along)) is not None]
        return min(hit for hit in met if hit[0] >= CLOSE)

    @staticmethod
    def _triangle(triangle: Triangle, start: Vector, along: Vector) -> float | None:
        corner, first, second, _ = triangle
        across = along.cross(second)
        scale = first.dot(across)
        if scale == 0:
            return None
        inverse, way = 1 / scale, start.minus(corner)
        u = way.dot(across) * inverse
        over = way.cross(first)
        v = along.dot(over) * inverse
        return second.dot(over) * inverse if 0 <= u <= 1 and v >= 0 and u + v <= 1 else None

    def _surface_at(self, point: Vector, along: Vector, kind: int, number: int) -> Surface:
        if kind == 1:
            shade = 0.3 if (int(point.x + 1000) + int(point.z + 1000)) % 2 else 0.8
            normal, colour, mirror = Vector(0, 1, 0), Vector(shade, shade, shade), 0.1
        elif kind == 2:
            centre, _, colour, mirror = self.spheres[number]
            normal = point.minus(centre).unit()
        else:
            normal, colour, mirror = self.triangles[number][3], Vector(0.9, 0.6, 0.3), 0.2
        return Surface(point, normal.times(-1) if normal.dot(along) > 0 else normal, colour, mirror)

    def _lamp_light(self, surface: Surface) -> float:
        way = LAMP.minus(surface.point)
        distance = math.sqrt(way.dot(way))
        along = way.times(1 / distance)
        facing = surface.normal.dot(along)
        if facing <= 0 or self._nearest(surface.point, along)[0] < distance:
            return AMBIENT
        return AMBIENT + (1 - AMBIENT) * facing

    def _light(self, start: Vector, along: Vector, mirrors: int) -> Vector:
        at, kind, number = self._nearest(start, along)
        if kind == 0:
            return SKY
        surface = self._surface_at(start.plus(along.times(at)), along, kind, number)
        own = surface.colour.times(self._lamp_light(surface))
        if surface.mirror == 0 or mirrors == MIRRORS:
            return own
        reflected = along.minus(surface.normal.times(surface.normal.dot(along) * 2))
        seen = self._light(surface.point, reflected, mirrors + 1)
        return own.times(1 - surface.mirror).plus(seen.times(surface.mirror))
