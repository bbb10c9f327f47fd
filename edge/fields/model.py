"""What a field is: markings, key regions and a grid of keypoints, as immutable data in metres.

The origin is the field's centre, x runs along its length, y across it, z up. The main camera stands
at negative y (in tennis, behind the baseline: at negative x).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Paint = Literal["bright", "dark", "either"]
MarkingKind = Literal["boundary", "line", "curve", "spot", "hash"]


@dataclass(frozen=True, slots=True, eq=False)
class Marking:
    """One painted line: a polyline along the middle of the paint; curves are sampled densely."""

    name: str
    points_m: Points
    """(n, 2) with n >= 2, metres; a closed line repeats its first point."""
    width_m: float
    """Width of the paint, metres."""
    colour: str
    """Name of the paint in a palette (see `edge.fields.PALETTES`)."""
    kind: MarkingKind
    """A `spot` is a disc, given as a circle of half its radius and a line of that width."""


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A key region: an area that a picture shows as a whole, by its paint or its lines."""

    name: str
    polygon_m: Points
    """(n, 2) with n >= 3, metres, not closed: the last point joins the first."""
    colour: str
    """Name of the paint in a palette; `surface` for an area that only its lines set off."""


@dataclass(frozen=True, slots=True)
class Grid:
    """A uniform grid of keypoints that spans the whole field, borders included."""

    columns: int
    """Keypoints along x, at least 2."""
    rows: int
    """Keypoints along y, at least 2."""


Vector = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Vantage:
    """Where a sport's main cameras stand, as a Gaussian; wide enough for small venues."""

    centre_m: Vector = (0.0, -75.0, 15.0)
    deviation_m: Vector = (25.0, 40.0, 12.0)
    pan_rad: float = 0.0
    """Direction in which they look on the whole: 0 along +y, pi/2 along +x."""


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """A playing field as data."""

    name: str
    sport: str
    length_m: float
    """Extent along x. At ±length/2 lie the middles of the outermost lines (soccer, tennis), the
    inner edges of the boundary lines (American football, basketball) or the boards (hockey)."""
    width_m: float
    """Extent along y."""
    runoff_m: float
    """How far the surface goes on beyond the boundary, metres."""
    markings: tuple[Marking, ...]
    """In the order of painting."""
    regions: tuple[Region, ...]
    """In the order of painting, below all markings."""
    grid: Grid
    corner_radius_m: float = 0.0
    """Radius of the boundary's corners (ice hockey), else 0."""
    vantage: Vantage = Vantage()
    paint: Paint = "bright"
    """How lines stand out from the floor: brighter, darker, or one or the other from hall to hall
    (`either`)."""
    period_m: float = 0.0
    """Distance along x after which the lines repeat, so that they alone do not tell where (yard
    lines), else 0."""

    def keypoints_m(self) -> Points:
        """List the grid's keypoints, (columns * rows, 2) metres, row-major from (-x, -y)."""
        x = np.linspace(-self.length_m / 2, self.length_m / 2, self.grid.columns)
        y = np.linspace(-self.width_m / 2, self.width_m / 2, self.grid.rows)
        return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)

    def marking(self, name: str) -> Marking:
        """Find the marking called `name`; KeyError for an unknown name."""
        return _named(self.markings, name)

    def region(self, name: str) -> Region:
        """Find the region called `name`; KeyError for an unknown name."""
        return _named(self.regions, name)


_Named = TypeVar("_Named", Marking, Region)


def _named(items: tuple[_Named, ...], name: str) -> _Named:
    for item in items:
        if item.name == name:
            return item
    raise KeyError(name)
