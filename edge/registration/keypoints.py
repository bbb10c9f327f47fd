"""From the network's coordinate map to keypoints of the field's uniform grid.

With sub-pixel positions.

The map tells, for every cell of a stride-4 lattice, which field position the cell shows, with a
scale for its error. A keypoint is read off where the map takes its coordinates: the cells around
it vote in a weighted local affine fit image = a + B (field - keypoint), and a is the keypoint's
position. Many cells average, so a is better than a cell.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.fields import Field
from edge.types import Float, Keypoints

ENOUGH = 36
"""The grid is made twice as fine until so many of its points are seen (or `FINEST` is reached)."""
FINEST = 4
BEYOND = 1.12
"""Cells are used out to this many half lengths and widths; training goes a little farther."""
MIN_CELLS = 4
"""Cells that a keypoint's fit needs.

Three fix an affine map exactly and tell nothing of its error.
"""


@dataclass(frozen=True, slots=True)
class CoordinateMap:
    """The keypoint head's output, decoded. n cells of the lattice show the field."""

    image_px: Float
    """(n, 2) centres of the cells, pixels of the network's picture."""
    field_m: Float
    """(n, 2) field positions that the cells show, metres."""
    sigma_m: Float
    """(n, 2) expected absolute error of each coordinate, metres."""
    mask: NDArray[np.bool_]
    """(rows, columns) of the lattice: which cells show the field itself, without the seam."""
    coverage: float
    """Share of all cells that show the field."""
    confidence: float
    """Mean probability of 'field' over the cells that show it."""


def decode(grid: NDArray[np.float32], field: Field, stride: int = 4) -> CoordinateMap:
    """(5, h, w) output of the keypoint head -> the cells that show the field.

    Channels as the network names them.
    """
    logit = grid[4]
    on = logit > 0
    # the ground just beyond the lines has coordinates too: keypoints on the border lie between
    # cells
    seam = cv2.dilate(on.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)
    v, u = np.nonzero(seam & (np.abs(grid[:2]) < BEYOND).all(0))
    centre = (stride - 1) / 2
    half = np.array([field.length_m / 2, field.width_m / 2])
    picked = grid[:4, v, u].astype(float)
    shown = int(on.sum())
    return CoordinateMap(
        image_px=np.stack([u * stride + centre, v * stride + centre], 1).astype(float),
        field_m=picked[:2].T * half,
        sigma_m=np.exp(np.clip(picked[2:4].T, -5.5, 1.5)) * half,
        mask=on,
        coverage=shown / on.size,
        confidence=float((1 / (1 + np.exp(-logit[on]))).mean()) if shown else 0.0,
    )


def read_keypoints(cells: CoordinateMap, field: Field) -> Keypoints:
    """The grid's keypoints that the picture shows.

    The grid is refined where few are seen (a close view).

    Scores are 1 for a fit that is sure to a tenth of the grid's spacing, and fall with its
    uncertainty.
    """
    columns, rows = field.grid.columns, field.grid.rows
    found = _read(cells, field, columns, rows)
    for _ in range(FINEST - 1):
        if len(found.score) >= ENOUGH:
            break
        columns, rows = 2 * columns - 1, 2 * rows - 1
        found = _read(cells, field, columns, rows)
    return found


def _read(cells: CoordinateMap, field: Field, columns: int, rows: int) -> Keypoints:
    """Keypoints of a grid of columns x rows points."""
    spacing = np.array([field.length_m / (columns - 1), field.width_m / (rows - 1)])
    position = cells.field_m / spacing + [(columns - 1) / 2, (rows - 1) / 2]
    node = np.rint(position)
    inside = ((node >= 0) & (node <= [columns - 1, rows - 1])).all(1)
    node, position = node[inside], position[inside]
    image, sigma = cells.image_px[inside], cells.sigma_m[inside] / spacing
    delta = position - node
    index = (node[:, 1] * columns + node[:, 0]).astype(np.intp)
    total = columns * rows
    count = np.bincount(index, minlength=total)
    # an affine map is only locally right: the more cells, the nearer ones suffice; sure cells
    # count more
    narrow = np.clip(count / 4, 4, 50)[index]
    weight = np.exp(-narrow * (delta**2).sum(1)) / (0.02 + (sigma**2).sum(1))

    def moment(values: Float) -> Float:
        summed: Float = np.bincount(index, weight * values, total).astype(np.float64)
        return summed

    one = np.ones(len(index))
    design = np.stack([one, delta[:, 0], delta[:, 1]])
    normal = np.empty((total, 3, 3))
    rhs = np.empty((total, 3, 2))
    for i in range(3):
        for j in range(i, 3):
            normal[:, i, j] = normal[:, j, i] = moment(design[i] * design[j])
        for k in range(2):
            rhs[:, i, k] = moment(design[i] * image[:, k])
    mass = np.maximum(normal[:, 0, 0], 1e-12)
    good = np.flatnonzero((count >= MIN_CELLS) & (_leverage(normal, mass) < 1))
    a = normal[good] / mass[good, None, None] + 1e-6 * np.eye(3)
    image_px = np.linalg.solve(a, rhs[good] / mass[good, None, None])[:, 0]
    spread = np.sqrt(moment((sigma**2).sum(1))[good] / mass[good])
    x = (good % columns - (columns - 1) / 2) * spacing[0]
    y = (good // columns - (rows - 1) / 2) * spacing[1]
    score = 1 / (1 + (spread / 0.25) ** 2)
    return Keypoints(image_px, np.stack([x, y], 1), score, good)


def _leverage(normal: Float, mass: Float) -> Float:
    """How far each keypoint lies from its cells' centre, squared, in units of their spread, (k,).

    A point is read off between cells, never extrapolated beyond them: above 1 it is one or the
    other's edge.
    """
    mean = normal[:, 0, 1:] / mass[:, None]
    spread = normal[:, 1:, 1:] / mass[:, None, None] - mean[:, :, None] * mean[:, None, :]
    spread += 1e-4 * np.eye(2)
    reach: Float = np.einsum("ki,ki->k", mean, np.linalg.solve(spread, mean[:, :, None])[:, :, 0])
    return reach


def thin(cells: CoordinateMap, most: int = 500) -> NDArray[np.intp]:
    """Numbers of at most about `most` cells, evenly over the picture."""
    n = len(cells.image_px)
    step = max(1, int(np.ceil(np.sqrt(n / most))))
    if step == 1:
        return np.arange(n)
    lattice = np.rint(cells.image_px / 4).astype(int)
    keep: NDArray[np.intp] = np.flatnonzero((lattice % step == 0).all(1))
    return keep
