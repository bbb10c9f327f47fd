"""Players, officials and the ball: drawn once with transparency, then scaled and placed."""

# ruff: noqa: RUF005 - these are sums of vectors, not of sequences

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.types import ImageArray

Bgr = tuple[int, int, int]

PHASES = 8
TALL_M = 1.9
"""Height of a drawn figure, boots to hair, metres."""
_SKIN: tuple[Bgr, ...] = ((140, 170, 215), (95, 125, 175), (55, 75, 115))
_HAIR: tuple[Bgr, ...] = ((22, 24, 28), (45, 70, 100), (100, 140, 180))


@dataclass(frozen=True, slots=True)
class Kit:
    """What somebody wears."""

    shirt: Bgr
    shorts: Bgr
    socks: Bgr


@dataclass(frozen=True, slots=True, eq=False)
class Figure:
    """One pose of one person, feet at the bottom middle."""

    colour: ImageArray
    """(h, w, 3) uint8, BGR."""
    alpha: ImageArray
    """(h, w) uint8, opacity."""


def figures(kit: Kit, person: int, height_px: int) -> list[Figure]:
    """Draw somebody standing (first) and in the `PHASES` poses of a run to the right."""
    poses = [_draw(kit, person, height_px, None)]
    return poses + [_draw(kit, person, height_px, phase / PHASES) for phase in range(PHASES)]


def mirrored(figure: Figure) -> Figure:
    """Turn a figure to run the other way."""
    return Figure(
        np.ascontiguousarray(figure.colour[:, ::-1]), np.ascontiguousarray(figure.alpha[:, ::-1])
    )


def scaled(figure: Figure, height_px: int) -> Figure:
    """Shrink a figure to `height_px` rows."""
    rows, columns = figure.alpha.shape
    size = (max(2, round(columns * height_px / rows)), max(2, height_px))
    # INTER_AREA is right for any shrinking, but slow; below a factor of two nobody sees it
    kind = cv2.INTER_AREA if 2 * height_px < rows else cv2.INTER_LINEAR
    colour = cv2.resize(figure.colour, size, interpolation=kind)
    return Figure(
        np.asarray(colour, np.uint8),
        np.asarray(cv2.resize(figure.alpha, size, interpolation=kind), np.uint8),
    )


def rounded(colour: ImageArray, alpha: ImageArray, depth_px: float) -> ImageArray:
    """Darken (h, w, 3) `colour` towards the edges of what (h, w) `alpha` shows, as on a round body.

    `depth_px` is how far from the edge the full light begins.
    """
    inside = cv2.distanceTransform((alpha > 127).astype(np.uint8), cv2.DIST_L2, 3)
    light = 0.55 + 0.45 * np.sin(np.clip(inside / depth_px, 0, 1) * np.pi / 2)
    soft = cv2.GaussianBlur(light.astype(np.float32), (0, 0), max(0.8, 0.15 * depth_px))
    return np.asarray(colour * soft[..., None], np.uint8)


def paste(picture: ImageArray, figure: Figure, feet_px: tuple[float, float]) -> None:
    """Blend a figure into `picture` with its feet at `feet_px`, clipped at the border."""
    rows, columns = figure.alpha.shape
    left, top = round(feet_px[0] - columns / 2), round(feet_px[1] - 0.97 * rows)
    y0, x0 = max(0, top), max(0, left)
    y1, x1 = min(picture.shape[0], top + rows), min(picture.shape[1], left + columns)
    if y1 <= y0 or x1 <= x0:
        return
    part = picture[y0:y1, x0:x1]
    inner = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
    blend(part, figure.colour[inner], figure.alpha[inner])


def blend(part: ImageArray, colour: ImageArray, alpha: ImageArray) -> None:
    """Lay (h, w, 3) `colour` over `part` with (h, w) opacity 0..255, in place."""
    a = alpha[..., None].astype(np.uint16)
    mixed = part * (255 - a) + colour * a
    part[:] = (mixed + 127) // 255


def darken(part: ImageArray, alpha: ImageArray, strength: float) -> None:
    """Darken (h, w, 3) `part` in place where (h, w) `alpha` 0..255 is, by `strength` 0..1."""
    keep = 255 - (alpha * np.float32(strength)).astype(np.uint16)
    part[:] = (part * keep[..., None]) // 255


def shadow(
    picture: ImageArray, figure: Figure, corners_px: NDArray[np.float64], strength: float
) -> None:
    """Lay a figure's shadow on the ground.

    `corners_px`: (3, 2) pixels where the figure's bottom left, bottom right and top left corner
    fall.
    """
    fourth = corners_px[1] + corners_px[2] - corners_px[0]
    points = np.vstack([corners_px, fourth])
    low = np.maximum(np.floor(points.min(axis=0)).astype(int) - 1, 0)
    high = np.minimum(
        np.ceil(points.max(axis=0)).astype(int) + 2, (picture.shape[1], picture.shape[0])
    )
    if (high <= low).any():
        return
    rows, columns = figure.alpha.shape
    source = np.array([[0, rows], [columns, rows], [0, 0]], np.float32)
    matrix = cv2.getAffineTransform(source, (corners_px - low).astype(np.float32))
    size = (int(high[0] - low[0]), int(high[1] - low[1]))
    mask = cv2.warpAffine(figure.alpha, matrix, size)
    darken(picture[low[1] : high[1], low[0] : high[0]], np.asarray(mask, np.uint8), strength)


def ball(radius_px: int) -> Figure:
    """Draw the ball, white with dark patches and a shaded underside."""
    size = 2 * radius_px + 2
    colour = np.full((size, size, 3), 236, np.uint8)
    alpha = np.zeros((size, size), np.uint8)
    middle = (radius_px, radius_px)
    cv2.circle(alpha, middle, radius_px, 255, -1, cv2.LINE_AA)
    for turn in range(0, 360, 72):
        at = np.radians(turn + 20)
        spot = (
            round(radius_px * (1 + 0.62 * np.cos(at))),
            round(radius_px * (1 + 0.62 * np.sin(at))),
        )
        cv2.circle(colour, spot, max(1, radius_px // 4), (60, 60, 60), -1, cv2.LINE_AA)
    light = np.clip(1.25 - np.arange(size) / size * 0.6, 0, 1)[:, None, None]
    return Figure((colour * light).astype(np.uint8), alpha)


def _draw(kit: Kit, person: int, height_px: int, phase: float | None) -> Figure:
    """Draw one pose, four times too large and then shrunk, so that its edges are smooth."""
    unit = height_px * 2 / TALL_M  # pixels a metre
    size = (round(1.5 * unit), round(TALL_M * unit))
    canvas = _Canvas(size, unit)
    skin, hair = _SKIN[person % 3], _HAIR[person // 3 % 3]
    swing = 0.0 if phase is None else float(np.sin(2 * np.pi * phase))
    lift = 0.0 if phase is None else float(np.cos(2 * np.pi * phase))
    lean = 0.0 if phase is None else 0.13
    hip, neck = np.array([0.0, 0.92]), np.array([lean, 1.56])
    for side, shade in ((-1, 0.72), (1, 1.0)):  # the far limbs first, darker
        _arm(
            canvas,
            neck,
            -side * swing,
            _shaded(kit.shirt, shade),
            _shaded(skin, shade),
            runs=phase is not None,
        )
        _leg(
            canvas,
            hip,
            side * swing,
            side * lift if phase is not None else None,
            kit,
            skin,
            shade,
            side,
        )
        if side < 0:
            _torso(canvas, hip, neck, kit)
    head = neck + (0.03 + 0.2 * lean, 0.15)
    canvas.limb([neck - (0, 0.05), head], 0.13, skin)
    canvas.disc(head, (0.1, 0.125), skin)
    canvas.disc(head + (-0.03, 0.055), (0.095, 0.08), hair)
    return canvas.figure()


def _torso(canvas: _Canvas, hip: NDArray[np.float64], neck: NDArray[np.float64], kit: Kit) -> None:
    canvas.fill(
        [hip + (-0.16, -0.1), hip + (0.17, -0.1), hip + (0.15, 0.14), hip + (-0.14, 0.14)],
        kit.shorts,
    )
    chest = [
        hip + (-0.14, 0.06),
        hip + (0.15, 0.06),
        neck + (0.2, -0.05),
        neck + (0.08, 0.03),
        neck + (-0.08, 0.03),
        neck + (-0.2, -0.05),
    ]
    canvas.fill(chest, kit.shirt)
    canvas.fill(
        [chest[0], chest[0] + (0.08, 0), chest[5] + (0.1, 0), chest[5]], _shaded(kit.shirt, 0.8)
    )


def _arm(
    canvas: _Canvas,
    neck: NDArray[np.float64],
    swing: float,
    shirt: Bgr,
    skin: Bgr,
    *,
    runs: bool,
) -> None:
    shoulder = neck + (0.0, -0.08)
    angle = 0.9 * swing
    elbow = shoulder + 0.29 * np.array([np.sin(angle), -np.cos(angle)])
    bend = angle + (1.25 if runs else 0.15)
    hand = elbow + 0.27 * np.array([np.sin(bend), -np.cos(bend)])
    canvas.limb([elbow, hand], 0.075, skin)
    canvas.limb([shoulder, shoulder + 0.75 * (elbow - shoulder)], 0.12, shirt)


def _leg(
    canvas: _Canvas,
    hip: NDArray[np.float64],
    swing: float,
    lift: float | None,
    kit: Kit,
    skin: Bgr,
    shade: float,
    side: int,
) -> None:
    angle = 0.75 * swing if lift is not None else 0.1 * side
    knee = hip + 0.45 * np.array([np.sin(angle), -np.cos(angle)])
    bend = angle - (1.3 * max(0.0, lift) + 0.15 if lift is not None else 0.0)
    ankle = knee + 0.44 * np.array([np.sin(bend), -np.cos(bend)])
    canvas.limb([hip, knee], 0.14, _shaded(skin, shade))
    canvas.limb([hip, hip + 0.7 * (knee - hip)], 0.19, _shaded(kit.shorts, shade))
    canvas.limb([knee + 0.15 * (ankle - knee), ankle], 0.11, _shaded(kit.socks, shade))
    canvas.limb(
        [ankle, ankle + (0.14 * np.cos(bend), 0.14 * np.sin(bend) - 0.03)], 0.085, (30, 30, 34)
    )


class _Canvas:
    """A drawing of one figure in metres: origin at the feet, x to the right, y up."""

    def __init__(self, size: tuple[int, int], unit: float) -> None:
        self._colour = np.zeros((size[1], size[0], 3), np.uint8)
        self._alpha = np.zeros((size[1], size[0]), np.uint8)
        self._unit = unit

    def _pixels(self, points: list[NDArray[np.float64]]) -> NDArray[np.int32]:
        rows, columns = self._alpha.shape
        p = np.array(points) * (self._unit, -self._unit) + (columns / 2, rows - 0.03 * self._unit)
        return np.rint(p).astype(np.int32)

    def fill(self, points: list[NDArray[np.float64]], colour: Bgr) -> None:
        cv2.fillPoly(self._colour, [self._pixels(points)], colour)
        cv2.fillPoly(self._alpha, [self._pixels(points)], 255)

    def limb(self, points: list[NDArray[np.float64]], thick_m: float, colour: Bgr) -> None:
        thick = max(1, round(thick_m * self._unit))
        cv2.polylines(self._colour, [self._pixels(points)], False, colour, thick)
        cv2.polylines(self._alpha, [self._pixels(points)], False, 255, thick)

    def disc(self, at: NDArray[np.float64], radii_m: tuple[float, float], colour: Bgr) -> None:
        centre = tuple(self._pixels([at])[0].tolist())
        axes = (round(radii_m[0] * self._unit), round(radii_m[1] * self._unit))
        cv2.ellipse(self._colour, centre, axes, 0, 0, 360, colour, -1)
        cv2.ellipse(self._alpha, centre, axes, 0, 0, 360, 255, -1)

    def figure(self) -> Figure:
        """Shrink to half; colours bleed outwards first so that no dark seam appears at the edge."""
        spread = cv2.dilate(self._colour, np.ones((5, 5), np.uint8))
        colour = np.where(self._alpha[..., None] > 0, self._colour, spread)
        size = (self._alpha.shape[1] // 2, self._alpha.shape[0] // 2)
        small = cv2.resize(colour, size, interpolation=cv2.INTER_AREA)
        return Figure(
            np.asarray(small, np.uint8),
            np.asarray(cv2.resize(self._alpha, size, interpolation=cv2.INTER_AREA), np.uint8),
        )


def _shaded(colour: Bgr, light: float) -> Bgr:
    return int(colour[0] * light), int(colour[1] * light), int(colour[2] * light)
