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
from edge.types import FloatArray, Keypoints

ENOUGH = 36
"""The grid is made twice as fine until so many of its points are seen (or `FINEST` is reached)."""
FINEST = 4
BEYOND = 1.12
"""Cells are used out to this many half lengths and widths; training goes a little farther."""
SEAM = np.ones((5, 5), np.uint8)
"""By how much the field's mask grows: two cells."""
MIN_CELLS = 4
"""Cells that a keypoint's fit needs.

Three fix an affine map exactly and tell nothing of its error.
"""


@dataclass(frozen=True, slots=True)
class CoordinateMap:
    """The keypoint head's output, decoded. n cells of the lattice show the field."""

    image_px: FloatArray
    """(n, 2) centres of the cells, pixels of the network's picture."""
    field_m: FloatArray
    """(n, 2) field positions that the cells show, metres."""
    sigma_m: FloatArray
    """(n, 2) expected absolute error of each coordinate, metres."""
    mask: NDArray[np.bool_]
    """(rows, columns) of the lattice: which cells show the field itself, without the seam."""
    coverage: float
    """Share of all cells that show the field."""
    sigma: float
    """Median over the cells of the mean of their two expected errors, metres; 50 without cells."""


def decode(grid: NDArray[np.float32], field: Field, stride: int = 4) -> CoordinateMap:
    """(5, h, w) output of the keypoint head -> the cells that show the field.

    Channels as the network names them.
    """
    logit = grid[4]
    on = logit > 0
    # the ground just beyond the lines has coordinates too: keypoints on the border lie between
    # cells
    seam = cv2.dilate(on.view(np.uint8), SEAM)
    usable = (np.abs(grid[:2]).max(0) < BEYOND) & seam.view(bool)
    index = np.flatnonzero(usable)
    v, u = np.divmod(index, grid.shape[2])
    picked = grid[:4].reshape(4, -1)[:, index].astype(float)
    half = np.array([[field.length_m / 2], [field.width_m / 2]])
    sigma = np.exp(np.clip(picked[2:], -5.5, 1.5)) * half
    image = np.stack([u, v]) * float(stride)
    image += (stride - 1) / 2
    shown = int(on.sum())
    return CoordinateMap(
        image_px=image.T,
        field_m=(picked[:2] * half).T,
        sigma_m=sigma.T,
        mask=on,
        coverage=shown / on.size,
        sigma=float(np.median(sigma.mean(0))) if len(index) else 50.0,
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
    spacing = np.array([[field.length_m / (columns - 1)], [field.width_m / (rows - 1)]])
    last = np.array([[columns - 1], [rows - 1]])
    position = cells.field_m.T / spacing + last / 2
    node = np.rint(position)
    on = (node >= 0) & (node <= last)
    inside = np.flatnonzero(on[0] & on[1])
    delta, node = (position - node).take(inside, axis=1), node.take(inside, axis=1)
    image = cells.image_px.T.take(inside, axis=1)
    relative = cells.sigma_m.T.take(inside, axis=1) / spacing
    relative *= relative
    variance = relative[0] + relative[1]
    index = (node[1] * columns + node[0]).astype(np.intp)
    good, image_px, score = fit_points(index, columns * rows, delta, variance, image)
    x = (good % columns - (columns - 1) / 2) * spacing[0]
    y = (good // columns - (rows - 1) / 2) * spacing[1]
    return Keypoints(image_px, np.stack([x, y], 1), score, good)


def fit_points(
    index: NDArray[np.intp],
    total: int,
    delta: FloatArray,
    variance: FloatArray,
    image_px: FloatArray,
) -> tuple[NDArray[np.intp], FloatArray, FloatArray]:
    """Local affine fits of `total` points, each to its own cells.

    For each of m cells: `index`, (m,), the point it votes for; `delta`, (2, m), its field position
    from there; `variance`, (m,), its expected squared error (both over the points' spacing); and
    its `image_px`, (2, m). Gives the numbers, (k,), of the points that enough cells surround, their
    positions in the picture, (k, 2), and their scores, (k,).
    """
    count = np.bincount(index, minlength=total)
    # an affine map is only locally right: the more cells, the nearer ones suffice; sure cells
    # count more
    narrow = np.minimum(np.maximum(count / 4, 4), 50)[index]
    square = delta * delta
    weight = np.exp(-narrow * (square[0] + square[1])) / (0.02 + variance)

    def moment(values: FloatArray) -> FloatArray:
        summed: FloatArray = np.bincount(index, values, total).astype(np.float64, copy=False)
        return summed

    normal = np.empty((total, 3, 3))
    rhs = np.empty((total, 3, 2))
    row = (weight, weight * delta[0], weight * delta[1])
    normal[:, 0, 0] = moment(row[0])
    for i in (1, 2):
        normal[:, 0, i] = normal[:, i, 0] = moment(row[i])
        for j in range(i, 3):
            normal[:, i, j] = normal[:, j, i] = moment(row[i] * delta[j - 1])
    for i in range(3):
        for k in range(2):
            rhs[:, i, k] = moment(row[i] * image_px[k])
    mass = np.maximum(normal[:, 0, 0], 1e-12)
    good = np.flatnonzero((count >= MIN_CELLS) & (_leverage(normal, mass) < 1))
    a = normal[good] / mass[good, None, None] + 1e-6 * np.eye(3)
    at = np.linalg.solve(a, rhs[good] / mass[good, None, None])[:, 0]
    spread = moment(weight * variance)[good] / mass[good]
    return good, at, 1 / (1 + spread / 0.25**2)


def _leverage(normal: FloatArray, mass: FloatArray) -> FloatArray:
    """How far each keypoint lies from its cells' centre, squared, in units of their spread, (k,).

    A point is read off between cells, never extrapolated beyond them: above 1 it is one or the
    other's edge.
    """
    x, y = normal[:, 0, 1] / mass, normal[:, 0, 2] / mass
    xx = normal[:, 1, 1] / mass - x * x + 1e-4
    xy = normal[:, 1, 2] / mass - x * y
    yy = normal[:, 2, 2] / mass - y * y + 1e-4
    reach: FloatArray = (yy * x * x - 2 * xy * x * y + xx * y * y) / (xx * yy - xy * xy)
    return reach


def thin(cells: CoordinateMap, most: int = 500) -> NDArray[np.intp]:
    """Numbers of at most about `most` cells, evenly over the picture."""
    n = len(cells.image_px)
    step = max(1, int(np.ceil(np.sqrt(n / most))))
    if step == 1:
        return np.arange(n)
    column, row = (cells.image_px.T / 4).astype(np.intp)
    keep: NDArray[np.intp] = np.flatnonzero((column % step == 0) & (row % step == 0))
    return keep
