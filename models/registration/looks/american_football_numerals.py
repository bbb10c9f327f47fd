"""Painted numerals of American football fields: many letterings, outlines, arrows."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.fields import Field, Region, load_field
from edge.fields.numerals import BLOCK_DIGITS
from edge.fields.shapes import FOOT, YARD
from models.registration.floors import Canvas
from models.registration.logos import Bgra
from models.registration.looks.american_football_art import triple

FOUR = 4
"""Glyphs are drawn this many times as large as they are painted."""
GOALS = 0.12
"""Share of fields with a G at their goal lines."""
STRETCH = (0.7, 1.35)
"""Range of factors on the length and the width of arrows."""
VARSITY: dict[str, str] = {
    "0": "10 02 08 1A 3A 48 42 30 10",
    "1": "18 2A 20 10 30",
    "2": "08 1A 3A 48 46 02 00 40",
    "3": "08 1A 3A 48 35 15 35 43 30 10 02",
    "4": "30 3A 03 43",
    "5": "4A 0A 05 36 44 42 30 10 02",
    "G": "48 3A 1A 08 02 10 30 42 45 25",
}
"""Middle lines of digits with cut corners: quarters of the width, tenths of the height, upwards."""


@dataclass(frozen=True, slots=True)
class Lettering:
    """How one field's numerals are painted."""

    kind: str
    """`block` (the field's own outlines), `varsity` (strokes) or `font`."""
    font: int
    stroke: float
    """Width of strokes, as a share of the digit's width."""
    fill: tuple[int, int, int]
    edge: tuple[int, int, int] | None
    edge_m: float
    size: tuple[float, float]
    """Factors on the digits' width and height."""
    gap: float
    """Factor on the distance of the digits from their yard line."""
    shift_m: float
    """How much farther from the sideline they stand than the rules say."""
    arrows: bool
    opacity: float


def lettering(rng: np.random.Generator, team: NDArray[np.float64], *, amateur: bool) -> Lettering:
    """Draw a lettering: white digits more often than not, sometimes with a border."""
    white = int(rng.uniform(205, 256))
    fill = (white, white, white)
    edge: tuple[int, int, int] | None = None
    own = triple(team)
    roll = rng.random()
    if roll < 0.35:
        edge = own if rng.random() < 0.7 else triple(rng.integers(0, 256, 3))
    elif roll < 0.43:
        fill, edge = own, (white, white, white)
    elif roll < 0.5:
        fill = (60, 205, 240) if rng.random() < 0.5 else own
    kinds = ("block", "varsity", "font")
    return Lettering(
        kind=str(rng.choice(kinds, p=[0.55, 0.25, 0.2])),
        font=int(rng.choice([0, 2, 3, 4])),
        stroke=float(rng.uniform(0.2, 0.36)),
        fill=fill,
        edge=edge,
        edge_m=float(rng.uniform(0.05, 0.16)),
        size=(float(rng.uniform(0.86, 1.14)), float(rng.uniform(0.88, 1.12))),
        gap=float(rng.uniform(0.92, 1.15)),
        shift_m=float(rng.normal(0, 0.2 if amateur else 0.04)),
        arrows=bool(rng.random() < (0.75 if amateur else 0.97)),
        opacity=float(rng.uniform(0.4, 1.0) if rng.random() < 0.25 else 1.0),
    )


def paint_numerals(canvas: Canvas, field: Field, how: Lettering, rng: np.random.Generator) -> None:
    """Paint the field's digits, and arrows where the lettering has them."""
    pictures: dict[str, Bgra] = {}
    for region in field.regions:
        if "numeral" not in region.name:
            continue
        _, _, yard, place = region.name.split()
        digit = f"{50 - abs(int(yard)):02d}"[place == "units"]
        _digit(canvas, region, digit, how, pictures)
    if rng.random() < GOALS:
        _goals(canvas, field, how, pictures)
    if how.arrows:
        stretch = rng.uniform(*STRETCH, 2)
        for region in _arrows(field):
            _arrow(canvas, region, how, stretch)


def _arrows(field: Field) -> list[Region]:
    """The field's arrows; where its rules have none, the college's, as most schools paint them."""
    found = [r for r in field.regions if " arrow " in r.name]
    return found or [r for r in load_field("ncaa_football").regions if " arrow " in r.name]


def _digit(
    canvas: Canvas, region: Region, digit: str, how: Lettering, pictures: dict[str, Bgra]
) -> None:
    """Stamp one digit where its region lies."""
    side, _, yard, _ = region.name.split()
    low, high = region.polygon_m.min(0), region.polygon_m.max(0)
    if digit == "1":  # narrower than its place
        half = 2 * FOOT
        middle = (low[0] + high[0]) / 2
        low, high = np.array([middle - half, low[1]]), np.array([middle + half, high[1]])
    turn = 1 if side == "near" else -1
    line_x = turn * int(yard) * YARD
    centre = (low + high) / 2
    centre[0] = line_x + (centre[0] - line_x) * how.gap
    size = (4 * FOOT * how.size[0], 6 * FOOT * how.size[1])
    centre[1] += turn * (how.shift_m + (size[1] - 6 * FOOT) / 2)
    _stamp(canvas, digit, centre, size, turn, how, pictures)


def _goals(canvas: Canvas, field: Field, how: Lettering, pictures: dict[str, Bgra]) -> None:
    """Paint a G at the goal lines, as some fields have it."""
    place = field.region("near numeral +40 tens").polygon_m
    y = float(place[:, 1].min() + place[:, 1].max()) / 2 + how.shift_m
    size = (4 * FOOT * how.size[0], 6 * FOOT * how.size[1])
    for side in (-1, 1):
        for turn in (-1, 1):
            x = side * (50 * YARD - 3.2 * FOOT)
            _stamp(canvas, "G", np.array([x, turn * y]), size, turn, how, pictures)


def _stamp(
    canvas: Canvas,
    digit: str,
    centre: NDArray[np.float64],
    size: tuple[float, float],
    turn: int,
    how: Lettering,
    pictures: dict[str, Bgra],
) -> None:
    margin = how.edge_m if how.edge else 0.0
    if digit not in pictures:
        pictures[digit] = glyph(digit, how, size, canvas.scale_m)
    whole = (size[0] + 2 * margin, size[1] + 2 * margin)
    canvas.stamp(pictures[digit], centre, whole, 0.0 if turn > 0 else np.pi, how.opacity)


def glyph(digit: str, how: Lettering, size_m: tuple[float, float], scale_m: float) -> Bgra:
    """A digit with its border as a BGRA picture, at the scale it is painted in."""
    columns, rows = (max(4, round(s / scale_m * FOUR)) for s in size_m)
    edge = round(how.edge_m / scale_m * FOUR) if how.edge else 0
    mask = np.pad(_mask(digit, how, columns, rows), edge)
    picture = np.zeros((*mask.shape, 4), np.uint8)
    if how.edge and edge:
        kernel = cv2.getStructuringElement(cv2.MORPH_RECT, (2 * edge + 1, 2 * edge + 1))
        picture[np.asarray(cv2.dilate(mask, kernel)) > 0] = (*how.edge, 255)
    picture[mask > 127] = (*how.fill, 255)
    if not edge:
        picture[..., :3] = how.fill
    small = (max(2, picture.shape[1] // FOUR), max(2, picture.shape[0] // FOUR))
    return np.asarray(cv2.resize(picture, small, interpolation=cv2.INTER_AREA), np.uint8)


def _mask(digit: str, how: Lettering, columns: int, rows: int) -> NDArray[np.uint8]:
    """(rows, columns) 0 or 255: the digit fills its box."""
    mask = np.zeros((rows, columns), np.uint8)
    if how.kind == "block" and digit in BLOCK_DIGITS:
        points = BLOCK_DIGITS[digit] * (columns, -rows) + (0, rows)
        cv2.fillPoly(mask, [np.rint(points).astype(np.int32)], 255)
        return mask
    if how.kind == "font":
        return _printed(digit, how, columns, rows)
    wide = max(1, int(how.stroke * columns))
    box = np.array([columns - wide, rows - wide])
    unit = np.array([(int(p[0]) / 4, 1 - int(p[1], 16) / 10) for p in VARSITY[digit].split()])
    points = unit * box + wide / 2
    cv2.polylines(mask, [np.rint(points).astype(np.int32)], False, 255, wide)
    return mask


def _printed(digit: str, how: Lettering, columns: int, rows: int) -> NDArray[np.uint8]:
    """One of OpenCV's fonts, stretched over the box."""
    thick = max(2, int(how.stroke * 60))
    page = np.zeros((260, 260), np.uint8)
    cv2.putText(page, digit, (70, 190), how.font, 5.0, 255, thick)
    x, y, w, h = cv2.boundingRect(page)
    cut = np.asarray(cv2.resize(page[y : y + h, x : x + w], (columns, rows)), np.uint8)
    return np.where(cut > 127, 255, 0).astype(np.uint8)


def _arrow(canvas: Canvas, region: Region, how: Lettering, stretch: NDArray[np.float64]) -> None:
    """Fill an arrow, stretched from the middle of its base, over its border."""
    side = region.name.split()[0]
    base = region.polygon_m[:2].mean(0)
    shape = (region.polygon_m - base) * stretch + base
    shape[:, 1] += (1 if side == "near" else -1) * how.shift_m
    ink = _seen_through(canvas, shape.mean(0), how.fill, how.opacity)
    if how.edge:
        centre = shape.mean(0)
        size = np.ptp(shape, axis=0)
        grown = (shape - centre) * (1 + 2.2 * how.edge_m / size) + centre
        canvas.area(grown, _seen_through(canvas, centre, how.edge, how.opacity))
    canvas.area(shape, ink)


def _seen_through(
    canvas: Canvas, place: NDArray[np.float64], ink: tuple[int, int, int], opacity: float
) -> NDArray[np.float64]:
    """The colour of thin paint on the ground at (2,) `place`."""
    x, y = np.rint(canvas.pixels(place[None])[0]).astype(int)
    below = canvas.image[np.clip(y, 0, len(canvas.image) - 1), x].astype(float)
    return np.asarray(below * (1 - opacity) + np.array(ink, float) * opacity)
