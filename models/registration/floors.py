"""Painted floors seen from above, and how a camera sees them: supersampled, from a pyramid.

Small courts and rinks are full of paint (keys, logos, letters, circles), so they are drawn once as
a texture and looked up by every picture's rays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edge.fields import Field
from edge.types import ImageArray
from models.registration.ground import Rays

SAMPLES = ((-0.125, -0.375), (0.375, -0.125), (-0.375, 0.125), (0.125, 0.375))
"""Samples of a pixel, across and down: a turned grid, no two in a row or column."""
ACROSS, ALONG = 2, 4
"""Into how many texels they cut a pixel (far pixels are long strips)."""
SHIFT = 5
"""Fractional bits of OpenCV's coordinates while painting."""
Colour = Sequence[float] | NDArray[np.float64]
Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Floor:
    """A texture in all its sizes, one after the other."""

    texels: Tensor
    """(m, 3) uint8 BGR."""
    levels: tuple[tuple[int, int, int], ...]
    """Offset, rows, columns; each half as large as the one before."""
    scale_m: float
    """Metres a texel of the largest."""
    half_m: tuple[float, float]
    """Half extents along x and y, metres."""

    @classmethod
    def of(cls, canvas: Canvas) -> Floor:
        """Build the pyramid of a finished canvas."""
        image, parts, levels, offset = canvas.image, [], [], 0
        half = (image.shape[1] * canvas.scale_m / 2, image.shape[0] * canvas.scale_m / 2)
        while min(image.shape[:2]) >= 4:
            parts.append(np.ascontiguousarray(image).reshape(-1, 3))
            levels.append((offset, image.shape[0], image.shape[1]))
            offset += len(parts[-1])
            size = (image.shape[1] // 2, image.shape[0] // 2)
            image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        return cls(torch.from_numpy(np.concatenate(parts)), tuple(levels), canvas.scale_m, half)


class Canvas:
    """A floor to paint on, in metres: x to the right, y upwards, the field's centre in the middle.

    Colours are BGR, 0..255. Points are (n, 2) metres.
    """

    def __init__(self, field: Field, scale_m: float, margin_m: float, base: Colour) -> None:
        self.scale_m = scale_m
        columns = int((field.length_m + 2 * margin_m) / scale_m)
        rows = int((field.width_m + 2 * margin_m) / scale_m)
        self.image: ImageArray = np.empty((rows, columns, 3), np.uint8)
        self.image[:] = np.clip(base, 0, 255).astype(np.uint8)

    def pixels(self, points_m: Points) -> Points:
        """(n, 2) metres -> (n, 2) pixels of the canvas, centres at integers."""
        rows, columns = self.image.shape[:2]
        middle = np.array([(columns - 1) / 2, (rows - 1) / 2])
        p: Points = np.asarray(points_m, float) / self.scale_m * (1, -1) + middle
        return p

    def area(self, points_m: Points, colour: Colour) -> None:
        """Fill a polygon."""
        cv2.fillPoly(self.image, [self._fixed(points_m)], _bgr(colour), cv2.LINE_AA, SHIFT)

    def stroke(self, points_m: Points, width_m: float, colour: Colour) -> None:
        """Draw a polyline of a width."""
        wide = max(1, round(width_m / self.scale_m))
        points = self._fixed(points_m)
        cv2.polylines(self.image, [points], False, _bgr(colour), wide, cv2.LINE_AA, SHIFT)

    def disc(self, centre_m: Points, radius_m: float, colour: Colour) -> None:
        """Fill a disc."""
        x, y = self._fixed(np.asarray(centre_m, float)[None])[0, 0].tolist()
        radius = int(radius_m / self.scale_m * (1 << SHIFT))
        cv2.circle(self.image, (x, y), radius, _bgr(colour), -1, cv2.LINE_AA, SHIFT)

    def stamp(
        self,
        picture: NDArray[np.uint8],
        centre_m: Points,
        size_m: tuple[float, float],
        angle_rad: float = 0.0,
        opacity: float = 1.0,
    ) -> None:
        """Lay a (h, w, 4) BGRA picture on the floor, upright as seen from the near side.

        `size_m` is its width and height, `angle_rad` turns it counter-clockwise.
        """
        h, w = picture.shape[:2]
        c, s = np.cos(angle_rad), np.sin(angle_rad)
        corners = np.array([[-1, 1], [1, 1], [1, -1]]) * (size_m[0] / 2, size_m[1] / 2)
        turned = corners @ np.array([[c, s], [-s, c]]) + centre_m
        target = self.pixels(turned).astype(np.float32)
        source = np.array([[0, 0], [w - 1, 0], [w - 1, h - 1]], np.float32)
        x0, y0 = np.floor(self.pixels(self._around(centre_m, size_m)).min(0)).astype(int)
        x1, y1 = np.ceil(self.pixels(self._around(centre_m, size_m)).max(0)).astype(int) + 1
        x0, y0 = max(x0, 0), max(y0, 0)
        part = self.image[y0:y1, x0:x1]
        if part.size == 0:
            return
        moved = cv2.warpAffine(
            picture,
            cv2.getAffineTransform(source, target - np.array([x0, y0], np.float32)),
            (part.shape[1], part.shape[0]),
            flags=cv2.INTER_AREA,
        )
        alpha = moved[..., 3:].astype(np.float32) * (opacity / 255)
        part[:] = (part + alpha * (moved[..., :3].astype(np.float32) - part)).astype(np.uint8)

    def shade(self, factor: NDArray[np.float32]) -> None:
        """Multiply by a (rows, columns) map, resized to the canvas: wear, grain, light."""
        rows, columns = self.image.shape[:2]
        full = cv2.resize(factor, (columns, rows), interpolation=cv2.INTER_LINEAR)
        cv2.multiply(self.image, cv2.merge([full] * 3), dst=self.image, dtype=cv2.CV_8U)

    def _around(self, centre_m: Points, size_m: tuple[float, float]) -> Points:
        reach = float(np.hypot(*size_m)) / 2
        box: Points = np.array(centre_m, float) + np.array([[-reach, -reach], [reach, reach]])
        return box

    def _fixed(self, points_m: Points) -> NDArray[np.int32]:
        return np.rint(self.pixels(points_m) * (1 << SHIFT)).astype(np.int32)[:, None]


def _bgr(colour: Colour) -> tuple[float, float, float]:
    b, g, r = (float(np.clip(c, 0, 255)) for c in colour)
    return b, g, r


def markings(
    canvas: Canvas, field: Field, colour_of: Callable[[str], Colour], widen: float = 1.0
) -> None:
    """Paint a field's own lines; `colour_of` names the paint of a colour class."""
    for marking in field.markings:
        canvas.stroke(marking.points_m, marking.width_m * widen, colour_of(marking.colour))


def look_down(floors: Sequence[Floor], rays: Rays) -> Tensor:
    """What n pictures see of their floors, (n, h, w, 3) float, 0..255; beyond it, its border."""
    return torch.stack([_seen(f, rays.x[i], rays.y[i]) for i, f in enumerate(floors)])


def _seen(floor: Floor, x: Tensor, y: Tensor) -> Tensor:
    """(h, w) metres -> (h, w, 3), the mean of each pixel's SAMPLES."""
    hx, hy = floor.half_m
    x, y = x.clamp(-2 * hx, 2 * hx), y.clamp(-2 * hy, 2 * hy)  # rays beyond the horizon
    (xv, xu), (yv, yu) = torch.gradient(x), torch.gradient(y)
    foot = torch.maximum(torch.hypot(xu, yu) / ACROSS, torch.hypot(xv, yv) / ALONG)
    level = torch.log2(foot.clamp_min(1e-6) / floor.scale_m).round().long()
    level = level.clamp_(0, len(floor.levels) - 1)
    offset, rows, columns = (torch.tensor(v)[level] for v in zip(*floor.levels, strict=True))
    per_x, per_y = columns / (2 * hx), rows / (2 * hy)
    last_row, last_column = rows - 1, columns - 1
    total = torch.zeros((*x.shape, 3))
    for u, v in SAMPLES:
        j = ((x + u * xu + v * xv + hx) * per_x).long()
        i = ((hy - y - u * yu - v * yv) * per_y).long()
        i, j = torch.minimum(i.clamp_min_(0), last_row), torch.minimum(j.clamp_min_(0), last_column)
        total += floor.texels[i.mul_(columns).add_(j).add_(offset).view(-1)].view_as(total)
    return total / len(SAMPLES)
