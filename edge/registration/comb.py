"""Where lines that repeat lie, told from all of them together.

On a field whose lines repeat (the yard lines of American football) the network's coordinates may be
wrong by more than half the distance from one line to the next, and stretched. A refinement that
begins there puts some lines on their neighbours and stays. So the whole comb of lines is laid over
the predicted distance map, moved, stretched and slanted, and the best fits are where refinement
begins. By how many whole periods they are off is left to the numerals.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.registration.homography import Matrix
from edge.types import FloatArray

if TYPE_CHECKING:
    from typing_extensions import Self  # typing.Self from Python 3.11 on

_Laid: TypeAlias = "tuple[float, float, float, float]"
"""How far a comb is moved (metres), stretched, slanted (metres a metre), and its contrast."""

STEP_M = 0.2
"""Along x, of the map laid out flat."""
ROWS = np.array([0.0, 0.07, 0.19, 0.38, 0.62, 0.85, 1.0])
"""Across it, between the ends; unevenly, so that a slanted comb does not fit a line further on."""
PHASES = 12
STRETCHES = np.geomspace(0.55, 1.8, 28)
SLANTS = np.linspace(-0.45, 0.45, 13)
"""Metres along x for each across it."""
COARSE, FINER = 8, (-0.5, -0.25, 0.0, 0.25, 0.5)
"""Fits of the coarse search that are searched around, and how far, in its steps."""
FEWEST = 2
"""Lines that must lie in the picture for a comb to be told."""
APART = 0.25
"""Least distance of two fits, in periods at the ends of what is seen."""


@dataclass(frozen=True, slots=True)
class Fit:
    """One way to lay the comb."""

    net_from_field: Matrix
    """(3, 3) affine map of the field to the coordinates that the network gave it."""
    contrast: float
    """Mean response on the lines less that half-way between them, -1..1."""
    by_m: float
    """How far along x the middle of what is seen is moved."""


def fits(
    image_from_net: Matrix,
    line_distance: NDArray[np.float32],
    seen_m: FloatArray,
    period_m: float,
    *,
    stride: int = 4,
    most: int = 3,
) -> list[Fit]:
    """The best ways to lay the comb, best first, each different from the others.

    image_from_net: homography of the network's coordinates, pixels of its picture; line_distance:
    (h, w) 0..1, 0 on lines; seen_m: (n, 2) coordinates that the network gave to what it sees.
    """
    low, high = np.percentile(seen_m, (3, 97), axis=0)
    flat = _Flat.of(image_from_net, line_distance, low, high, period_m, stride)
    grids = (np.arange(PHASES) / PHASES - 0.5) * period_m, STRETCHES, SLANTS
    coarse = _best(flat, _every(*grids), COARSE)
    phase, stretch, slant = (
        (np.array(FINER) * (grid[1] - grid[0])) for grid in (grids[0], np.log(STRETCHES), SLANTS)
    )
    around = [
        _every(a + phase, b * np.exp(stretch), s + slant) for a, b, s in (f[:3] for f in coarse)
    ]
    fine = [_best(flat, laid, 1) for laid in around]
    chosen: list[_Laid] = []
    for found in sorted((f for one in fine for f in one), key=lambda f: -f[3]):
        if len(chosen) < most and not any(flat.same(found, other) for other in chosen):
            chosen.append(found)
    return [flat.fit(laid) for laid in chosen]


def _every(a: FloatArray, b: FloatArray, s: FloatArray) -> FloatArray:
    """(n, 3) all combinations of phases, stretches and slants."""
    return np.stack(np.meshgrid(a, b, s, indexing="ij"), axis=-1).reshape(-1, 3)


def _best(flat: _Flat, laid: FloatArray, most: int) -> list[_Laid]:
    """The best of (n, 3) combs, best first, each different from the others."""
    contrast = flat.contrast(laid)
    chosen: list[_Laid] = []
    for i in np.argsort(-contrast):
        if contrast[i] <= 0 or len(chosen) == most:
            break
        a, b, s = map(float, laid[i])
        found = a, b, s, float(contrast[i])
        if not any(flat.same(found, other) for other in chosen):
            chosen.append(found)
    return chosen


@dataclass(frozen=True, slots=True)
class _Flat:
    """The response to lines, laid out along x."""

    response: NDArray[np.float32]
    """(rows, n), 1 on a line."""
    inside: NDArray[np.bool_]
    """(rows, n): where the picture shows it."""
    x0: float
    """Where x begins."""
    low: FloatArray
    high: FloatArray
    """(2,) corners of what is seen."""
    period_m: float

    @classmethod
    def of(
        cls,
        image_from_net: Matrix,
        line_distance: NDArray[np.float32],
        low: FloatArray,
        high: FloatArray,
        period_m: float,
        stride: int,
    ) -> Self:
        """Lay out a predicted distance map."""
        x = np.arange(low[0] - 2 * period_m, high[0] + 2 * period_m, STEP_M)
        gx, gy = np.meshgrid(x, low[1] + ROWS * (high[1] - low[1]))
        q = image_from_net @ np.stack([gx.ravel(), gy.ravel(), np.ones(gx.size)])
        front = q[2] > 1e-9
        u, v = q[:2] / np.where(front, q[2], 1.0)
        # a cell of the map shows its block's middle
        u, v = (u - (stride - 1) / 2) / stride, (v - (stride - 1) / 2) / stride
        height, width = line_distance.shape
        inside = front & (u >= 0) & (u <= width - 1) & (v >= 0) & (v <= height - 1)
        u, v = np.where(inside, u, 0.0), np.where(inside, v, 0.0)
        response = cv2.remap(
            1 - line_distance,
            u.reshape(gx.shape).astype(np.float32),
            v.reshape(gx.shape).astype(np.float32),
            cv2.INTER_LINEAR,
        )
        return cls(
            np.asarray(response, np.float32),
            inside.reshape(gx.shape),
            float(x[0]),
            low,
            high,
            period_m,
        )

    def contrast(self, laid: FloatArray) -> FloatArray:
        """Response of (n, 3) combs on the lines less that half-way between them, (n,)."""
        middle = (self.low + self.high) / 2
        y = self.low[1] + ROWS * (self.high[1] - self.low[1]) - middle[1]
        # lines at whole periods around the one nearest to the middle, and half-way between them
        nearest = round(middle[0] / self.period_m) * self.period_m
        reach = (self.high[0] - self.low[0]) / (2 * STRETCHES[0])
        count = int(np.ceil(reach / self.period_m)) + 1
        teeth = nearest + np.arange(-count, count + 0.5, 0.5) * self.period_m - middle[0]
        a, b, s = (laid[:, i].astype(np.float32)[:, None, None] for i in range(3))
        teeth, y = teeth.astype(np.float32), y.astype(np.float32)
        at = (a + np.float32(middle[0] - self.x0)) + b * teeth[:, None] + s * y
        column = np.rint(at / np.float32(STEP_M)).astype(np.int32)
        last = self.response.shape[1] - 1
        there = (column >= 0) & (column <= last)
        index = np.clip(column, 0, last) + np.arange(len(ROWS), dtype=np.int32) * (last + 1)
        shown = there & self.inside.ravel()[index]
        value = np.where(shown, self.response.ravel()[index], 0).sum(2)
        rows = shown.sum(2)
        lines, between = slice(0, None, 2), slice(1, None, 2)
        on, off = (
            value[:, which].sum(1) / np.maximum(rows[:, which].sum(1), 1)
            for which in (lines, between)
        )
        enough = (rows[:, lines] >= len(ROWS) / 3).sum(1) >= FEWEST
        # three times as wide a comb fits as well: the narrower one explains more
        contrast: FloatArray = np.where(enough, on - off, -1.0) * laid[:, 1] ** -0.25
        return contrast

    def same(self, one: _Laid, other: _Laid) -> bool:
        """Whether two combs put their lines in the same places, whole periods aside."""
        half = (self.high - self.low) / 2
        a, b, s = (one[i] - other[i] for i in range(3))
        corners = np.array(
            [a + u * half[0] * b + v * half[1] * s for u in (-1, 1) for v in (-1, 1)]
        )
        corners -= np.rint(corners.mean() / self.period_m) * self.period_m
        return float(np.abs(corners).max()) < APART * self.period_m

    def fit(self, laid: _Laid) -> Fit:
        """The comb as a map of the field."""
        a, b, s, contrast = laid
        x, y = (self.low + self.high) / 2
        affine = np.array([[b, s, x + a - b * x - s * y], [0, 1, 0], [0, 0, 1.0]])
        return Fit(affine, contrast, a)
