"""Which yard line is which: the painted numerals, read in the picture.

The lines of an American football field repeat every five yards. A homography that lies on them may
still be off by whole periods, and the network's coordinates are often not sure enough to tell. What
tells is painted: a numeral at every tenth yard line, none between them, arrows to the nearer goal.
The picture is laid out flat along both rows of numerals, a small classifier reads the patch around
every line, and the patches together say by how many periods the homography is likely to be off.

The classifier (one hidden layer, trained by `models.registration.numerals`) sees the grey picture
alone; the network that gives the homography has no part in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.fields import Field
from edge.registration.homography import Matrix
from edge.types import FloatArray

if TYPE_CHECKING:
    from typing_extensions import Self  # typing.Self from Python 3.11 on

PER_PERIOD = 24
"""Samples along a row from one line to the next; as far apart across it."""
HALF, TALL = 14, 13
"""Samples on either side of a line, and across the row, that show a numeral and its arrow."""
REACH = 12
"""Lines on either side of the middle that are looked at: both goal lines and beyond."""
FARTHEST = 6
"""Periods by which a homography is supposed to be off at most."""
TENS = (-4, -3, -2, -1, 0, 1, 2, 3, 4)
"""Numerals from left to right as their row's side of the field reads them, in tens of yards from
the middle: 10, 20, 30, 40, 50, 40 ... The classes, and last: no numeral."""
NONE = len(TENS)
FAINT = 5.0
"""Grey levels of a patch's deviation at which it tells half."""
LEGIBLE_PX = (4.0, 9.0)
"""Heights of a numeral in the checked picture from which it counts, and counts in full."""
WEIGHTS = "numerals.npz"

_At: TypeAlias = "tuple[int, NDArray[np.intp]]"
_T = TypeVar("_T", np.bool_, np.float32)


@dataclass(frozen=True, slots=True)
class Reading:
    """What the numerals say of a homography."""

    likelihood: FloatArray
    """(2 FARTHEST + 1,) logarithm, up to a constant, by the periods that it is off."""
    present: float
    """Logarithm of how much likelier the numerals are than none at all, if it is not off."""

    @property
    def margin(self) -> float:
        """By how much it is likelier to be right than to be off by whole periods; logarithm."""
        others = np.delete(self.likelihood, FARTHEST)
        return float(self.likelihood[FARTHEST] - others.max())

    @property
    def off(self) -> int:
        """Periods by which it is most likely off, 0 for none."""
        return int(self.likelihood.argmax()) - FARTHEST


@dataclass(frozen=True, slots=True)
class Patches:
    """Pictures of what lies around the lines in both rows, as the row's own side reads them."""

    grey: NDArray[np.float32]
    """(2, 2 REACH + 1, TALL * (2 HALF + 1)), zero mean, unit deviation; near row, far row."""
    legible: FloatArray
    """(2, 2 REACH + 1), 0..1: size and contrast; 0 where the picture does not show all of it."""


@dataclass(frozen=True, slots=True)
class Classifier:
    """One hidden layer."""

    hidden: NDArray[np.float32]
    """(n, m)."""
    hidden_bias: NDArray[np.float32]
    out: NDArray[np.float32]
    """(m, classes)."""
    out_bias: NDArray[np.float32]

    def __call__(self, patches: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logarithm of the probability of each class; (..., n) -> (..., classes)."""
        m = np.maximum(patches @ self.hidden + self.hidden_bias, 0)
        z = m @ self.out + self.out_bias
        z = z - z.max(-1, keepdims=True)
        logs: NDArray[np.float32] = z - np.log(np.exp(z).sum(-1, keepdims=True))
        return logs


@cache
def classifier() -> Classifier:
    """The classifier that ships."""
    with files("edge.registration").joinpath(WEIGHTS).open("rb") as stream, np.load(stream) as w:
        return Classifier(w["hidden"], w["hidden_bias"], w["out"], w["out_bias"])


@dataclass(frozen=True, slots=True)
class Numerals:
    """The two rows of numerals of one field."""

    lattice: FloatArray
    """(3, 2 * TALL * n) homogeneous field positions, the far row's turned by 180 degrees."""
    along: int
    """Samples along a row, n."""
    tall: float
    """Samples across a row that a numeral's height takes."""

    @classmethod
    def of(cls, field: Field) -> Self | None:
        """Lay out a field's numerals; None for a field whose lines do not repeat."""
        digits = [r.polygon_m for r in field.regions if r.name.startswith("near numeral")]
        if not field.period_m or not digits:
            return None
        step = field.period_m / PER_PERIOD
        y = np.concatenate([np.asarray(polygon)[:, 1] for polygon in digits])
        count = 2 * (REACH * PER_PERIOD + HALF) + 1
        gx, gy = np.meshgrid(
            (np.arange(count) - count // 2) * step,
            (y.min() + y.max()) / 2 + (np.arange(TALL) - TALL // 2) * step,
        )
        near = np.stack([gx.ravel(), gy.ravel(), np.ones(gx.size)])
        turned = np.concatenate([near, near * [[-1], [-1], [1]]], axis=1)
        return cls(turned, count, float(y.max() - y.min()) / step)

    def patches(self, grey: NDArray[np.uint8], image_from_field: Matrix) -> Patches:
        """Lay out the (height, width) picture along both rows."""
        height, width = grey.shape
        q = image_from_field @ self.lattice
        front = q[2] > 1e-9
        u, v = q[:2] / np.where(front, q[2], 1.0)
        inside = front & (u >= 0) & (u <= width - 1) & (v >= 0) & (v <= height - 1)
        u, v = np.where(inside, u, -9.0), np.where(inside, v, -9.0)
        shape = (2 * TALL, self.along)
        flat = cv2.remap(
            grey,
            u.reshape(shape).astype(np.float32),
            v.reshape(shape).astype(np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
        )
        u, v, seen = (a.reshape(2, TALL, self.along) for a in (u, v, inside))
        cut = _around_lines(flat.reshape(2, TALL, self.along).astype(np.float32))
        whole = _around_lines(seen).all(-1)
        centred = cut - cut.mean(-1, keepdims=True)
        variance = (centred**2).mean(-1)
        contrast = variance / (variance + FAINT**2)
        patches = centred / np.sqrt(variance + FAINT**2)[..., None]
        return Patches(patches, whole * self._size(u, v) * contrast)

    def read(
        self,
        grey: NDArray[np.uint8],
        image_from_field: Matrix,
        classify: Classifier | None = None,
    ) -> Reading:
        """Say what a grey picture's numerals tell of a homography into it."""
        patches = self.patches(grey, image_from_field)
        logs = (classify or classifier())(patches.grey) * patches.legible[..., None]
        lines = np.arange(-REACH, REACH + 1)
        # in the far row, turned, a shift goes the other way
        near, far = (_by_shift(row, lines) for row in logs)
        likelihood = near + far[::-1]
        nothing = float(logs[..., NONE].sum())
        return Reading(likelihood, float(likelihood[FARTHEST]) - nothing)

    def _size(self, u: FloatArray, v: FloatArray) -> FloatArray:
        """How well numerals could be read by their size in the picture, (2, lines), 0..1."""
        middle = np.arange(2 * REACH + 1) * PER_PERIOD + HALF
        high = _distance(u, v, (TALL - 1, middle), (0, middle)) * (self.tall / (TALL - 1))
        wide = _distance(u, v, (TALL // 2, middle + HALF), (TALL // 2, middle - HALF)) * (
            self.tall / (2 * HALF)
        )
        least, full = LEGIBLE_PX
        size: FloatArray = np.clip((np.minimum(high, wide) - least) / (full - least), 0.0, 1.0)
        return size


def _distance(u: FloatArray, v: FloatArray, a: _At, b: _At) -> FloatArray:
    du = u[:, a[0], a[1]] - u[:, b[0], b[1]]
    dv = v[:, a[0], a[1]] - v[:, b[0], b[1]]
    return np.asarray(np.hypot(du, dv))


def class_of(line: NDArray[np.intp]) -> NDArray[np.intp]:
    """The class of what is painted at a line, in periods from the middle, of the near row."""
    at = line // 2 - TENS[0]
    return np.where((line % 2 == 0) & (at >= 0) & (at < NONE), at, NONE)


def _by_shift(logs: NDArray[np.float32], lines: NDArray[np.intp]) -> FloatArray:
    """Sum of (lines, classes) logarithms if the homography is off by -FARTHEST ... FARTHEST."""
    rows = np.arange(len(lines))
    return np.array(
        [float(logs[rows, class_of(lines - k)].sum()) for k in range(-FARTHEST, FARTHEST + 1)]
    )


def _around_lines(strips: NDArray[_T]) -> NDArray[_T]:
    """Cut (2, TALL, n) strips around each line -> (2, 2 REACH + 1, TALL * (2 HALF + 1))."""
    columns = np.arange(2 * REACH + 1)[:, None] * PER_PERIOD + np.arange(2 * HALF + 1)
    cut = strips[:, :, columns].transpose(0, 2, 1, 3)
    return np.ascontiguousarray(cut).reshape(2, 2 * REACH + 1, -1)
