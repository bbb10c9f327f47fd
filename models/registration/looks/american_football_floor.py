"""Painted floors of American football: grass and turf, end zones, logos, wear, lines."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.fields import Field, load_field
from edge.fields.shapes import YARD
from edge.types import ImageArray
from models.registration import logos
from models.registration.floors import Canvas
from models.registration.looks.american_football_art import bold, emblem, name, triple
from models.registration.looks.american_football_numerals import lettering, paint_numerals
from models.registration.scenery import DRY_BGR, GRASS_BGR, OUTSIDE_BGR
from models.registration.strokes import random_colour
from models.registration.textures import TILE, fractal_noise

Array = NDArray[np.float64]
GOAL_X = 50 * YARD
OTHER_GROUNDS_BGR = np.array([[150, 80, 30], [50, 45, 150], [60, 60, 60], [120, 60, 90]])
"""Turf that is not green, as a few colleges have it."""
TRACKS_BGR = np.array([[60, 75, 150], [70, 70, 75], [130, 80, 50], [55, 60, 110]])
INKS_BGR = np.array(
    [[40, 210, 240], [210, 130, 40], [50, 50, 210], [230, 230, 230], [60, 160, 250]]
)


@dataclass(frozen=True, slots=True)
class _Venue:
    """What one field's parts have in common."""

    ground: Array
    team: Array
    second: Array
    amateur: bool


def paint_field(rng: np.random.Generator, field: Field, scale_m: float, margin_m: float) -> Canvas:
    """Paint a floor; everything is drawn from `rng`."""
    venue = _venue(rng, field)
    canvas = Canvas(field, scale_m, margin_m, venue.ground)
    bands = _bands(rng, canvas)
    _outside(rng, canvas, field, venue)
    _shade(canvas, _tones(rng, canvas) * bands)
    _border(rng, canvas, field, venue)
    _end_zones(rng, canvas, field, venue)
    decorated = rng.random() < (0.45 if venue.amateur else 0.9)
    over = rng.random() < 0.4
    if decorated:
        _logos(rng, canvas, venue)
    if decorated and not over:
        _midfield(rng, canvas, venue)
    _worn(rng, canvas)
    bare = canvas.image.copy()
    if rng.random() < (0.3 if venue.amateur else 0.05):
        _other_sport(rng, canvas)
    _lines(rng, canvas, field, venue)
    if decorated and over:  # some logos are painted over the lines
        _midfield(rng, canvas, venue)
    if not (venue.amateur and rng.random() < 0.1):
        style = lettering(rng, venue.team, amateur=venue.amateur)
        paint_numerals(canvas, field, style, rng)
    _fade(rng, canvas, bare)
    if rng.random() < 0.03:
        _snow(rng, canvas)
    return canvas


def _venue(rng: np.random.Generator, field: Field) -> _Venue:
    grounds = OTHER_GROUNDS_BGR if rng.random() < 0.03 else GRASS_BGR
    ground = (
        grounds[rng.integers(len(grounds))] * rng.uniform(0.6, 1.2) * rng.uniform(0.88, 1.12, 3)
    )
    team = np.array(random_colour(rng), float)
    second = np.array(random_colour(rng), float)
    return _Venue(ground, team, second, field.name == "high_school_football")


def blend(canvas: Canvas, other: ImageArray, weight: NDArray[np.float32]) -> None:
    """Mix `other` (rows, columns, 3) in, by a map of weights 0..1 that is resized to the canvas."""
    rows, columns = canvas.image.shape[:2]
    full = np.clip(cv2.resize(weight, (columns, rows)), 0, 1).astype(np.float32)
    canvas.image[:] = cv2.blendLinear(other, canvas.image, full, 1 - full)


def _shade(canvas: Canvas, factor: NDArray[np.float32]) -> None:
    """Multiply the ground by a map of the canvas's size."""
    canvas.image[:] = cv2.multiply(canvas.image, cv2.merge([factor] * 3), dtype=cv2.CV_8U)


def _flat(canvas: Canvas, colour: Array | tuple[float, float, float]) -> ImageArray:
    out = np.empty_like(canvas.image)
    out[:] = np.clip(colour, 0, 255).astype(np.uint8)
    return out


def _bands(rng: np.random.Generator, canvas: Canvas) -> NDArray[np.float32]:
    """Mowing or seams: bands of five or ten yards between yard lines, along, or of any width.

    Returns factors, (1, 1), (1, columns) or (rows, 1).
    """
    rows, columns = canvas.image.shape[:2]
    kind = rng.choice(4, p=[0.4, 0.12, 0.13, 0.35])
    depth = rng.uniform(0.01, 0.12)
    x = (np.arange(columns) - (columns - 1) / 2)[None] * canvas.scale_m
    y = ((rows - 1) / 2 - np.arange(rows))[:, None] * canvas.scale_m
    if kind == 0:
        place, period = x + 60 * YARD, float(rng.choice([5 * YARD, 10 * YARD]))
    elif kind == 1:
        place, period = y, rng.uniform(1.5, 9.0)
    elif kind == 2:
        place, period = x + rng.uniform(0, 9), rng.uniform(1.2, 7.0)
    else:
        return np.ones((1, 1), np.float32)
    light = np.floor(place / period) % 2 == 0
    return np.where(light, 1 + depth, 1 - depth).astype(np.float32)


def _outside(rng: np.random.Generator, canvas: Canvas, field: Field, venue: _Venue) -> None:
    """Beyond the run-off: more grass, concrete, or a running track with its lanes."""
    rows, columns = canvas.image.shape[:2]
    far_x, far_y = columns * canvas.scale_m / 2, rows * canvas.scale_m / 2
    if rng.random() < 0.4:
        return
    track = venue.amateur and rng.random() < 0.6
    colours = TRACKS_BGR if track else OUTSIDE_BGR
    colour = colours[rng.integers(len(colours))] * rng.uniform(0.7, 1.3)
    y = field.width_m / 2 + rng.uniform(2.5, 9)
    x = field.length_m / 2 + rng.uniform(2.5, 10)
    for sign in (-1, 1):
        canvas.area(_box(-far_x, sign * y, far_x, sign * far_y), colour)
        if not track:
            canvas.area(_box(sign * x, -far_y, sign * far_x, far_y), colour)
        for k in range(9 if track else 0):
            lane = sign * (y + 0.1 + 1.22 * k)
            canvas.stroke(np.array([[-far_x, lane], [far_x, lane]]), 0.06, [225.0] * 3)


def _tones(rng: np.random.Generator, canvas: Canvas) -> NDArray[np.float32]:
    """Patches and grain of the ground, the canvas's size."""
    rows, columns = canvas.image.shape[:2]
    broad = fractal_noise(rng, 5, roughness=0.7) * rng.uniform(0.0, 0.09)
    fine = fractal_noise(rng, 7, roughness=1.0) * rng.uniform(0.0, 0.09)
    times = (rows // TILE + 1, columns // TILE + 1)
    tone = cv2.resize(broad, (columns, rows)) + np.tile(fine, times)[:rows, :columns]
    return np.asarray(1 + tone, np.float32)


def _border(rng: np.random.Generator, canvas: Canvas, field: Field, venue: _Venue) -> None:
    """The band around the field: white, coloured or none; and the benches' line."""
    x, y = field.length_m / 2, field.width_m / 2
    if rng.random() < (0.25 if venue.amateur else 0.85):
        colour = np.full(3, rng.uniform(195, 250)) if rng.random() < 0.7 else venue.team
        wide = 6 * 0.3048 * (1 if rng.random() < 0.7 else rng.uniform(0.4, 2.0))
        for sign in (-1, 1):
            canvas.area(_box(-x - wide, sign * y, x + wide, sign * (y + wide)), colour)
            if rng.random() < 0.9:
                canvas.area(_box(sign * x, -y, sign * (x + wide), y), colour)
    if rng.random() < 0.5:
        ink = INKS_BGR[rng.integers(len(INKS_BGR))]
        for sign in (-1, 1):
            line = sign * (y + rng.uniform(2.2, 4.5))
            step = rng.uniform(1.0, 3.0)
            for start in np.arange(-x, x, 2 * step):
                canvas.stroke(np.array([[start, line], [start + step, line]]), 0.1, ink)
            if rng.random() < 0.3:
                reach = 25 * YARD
                box = _box(-reach, sign * (y + 1.9), reach, sign * (y + 3.7))
                canvas.area(box, venue.second if rng.random() < 0.5 else [235.0] * 3)


def _end_zones(rng: np.random.Generator, canvas: Canvas, field: Field, venue: _Venue) -> None:
    """Painted in one of the teams' colours or left plain, patterned, lettered."""
    same = rng.random() < 0.7
    painted = rng.random() < (0.5 if venue.amateur else 0.8)
    text = name(rng) if rng.random() < (0.55 if venue.amateur else 0.9) else ""
    pattern = int(rng.choice(4, p=[0.72, 0.1, 0.1, 0.08]))
    for side in (-1, 1):
        x0, x1 = side * (GOAL_X + 0.1), side * field.length_m / 2
        colour = venue.team if same or side < 0 else venue.second
        if painted:
            canvas.area(_box(x0, -field.width_m / 2, x1, field.width_m / 2), colour)
            rim = rng.random() < 0.15
            if rim:
                canvas.stroke(_ring(x0, x1, field.width_m / 2, side), 0.5, [235.0] * 3)
        if pattern:
            ink = venue.second if rng.random() < 0.5 else np.full(3, 235.0)
            _pattern(canvas, field, pattern, side, ink)
        words = text if rng.random() < 0.5 else name(rng)
        if text:
            _letters(rng, canvas, words, side, venue, painted=painted)


def _ring(x0: float, x1: float, y: float, side: int) -> Array:
    a, b = x0 + side * 0.5, x1 - side * 0.5
    y -= 0.5
    return np.array([[a, -y], [b, -y], [b, y], [a, y], [a, -y]])


def _pattern(canvas: Canvas, field: Field, kind: int, side: int, ink: Array) -> None:
    """Checkers, slanted stripes or stripes across an end zone."""
    x0, deep, y = side * (GOAL_X + 0.1), 10 * YARD, field.width_m / 2
    if kind == 1:
        cell = deep / 6
        for i in range(6):
            for j in range(int(2 * y / cell) + 1):
                if (i + j) % 2:
                    low = -y + j * cell
                    high = min(low + cell, y)
                    canvas.area(
                        _box(x0 + side * i * cell, low, x0 + side * (i + 1) * cell, high), ink
                    )
        return
    for k in range(-3, 16):
        low = -y + k * y / 6
        if kind == 2:
            corners = np.array([[0, 0], [0, y / 12], [deep, y / 12 + deep], [deep, deep]])
        else:
            corners = np.array([[0, 0], [0, y / 12], [deep, y / 12], [deep, 0]])
        corners = corners * (side, 1) + (x0, low)
        corners[:, 1] = np.clip(corners[:, 1], -y, y)
        canvas.area(corners, ink)


def _letters(
    rng: np.random.Generator, canvas: Canvas, text: str, side: int, venue: _Venue, *, painted: bool
) -> None:
    """A name over the width of an end zone; its feet towards the field, mostly."""
    white = (240, 240, 240)
    ink = white if rng.random() < 0.65 else triple(venue.second)
    edge = None if rng.random() < 0.5 else triple(venue.second if painted else venue.team)
    picture = bold(rng, text, ink, edge)
    tall = rng.uniform(3.5, 8.6)
    wide = min(rng.uniform(0.6, 1.3) * tall * len(text), rng.uniform(34, 46))
    angle = -side * np.pi / 2 * (1 if rng.random() < 0.8 else -1)
    centre = np.array([side * (GOAL_X + 5 * YARD), rng.normal(0, 1.0)])
    canvas.stamp(picture, centre, (wide, tall), angle, rng.uniform(0.6, 1.0))
    if rng.random() < 0.2:
        for sign in (-1, 1):
            place = np.array([centre[0], sign * rng.uniform(18, 21)])
            canvas.stamp(logos.logo(rng), place, (6.0, 6.0), angle)


def _one(rng: np.random.Generator, venue: _Venue) -> logos.Bgra:
    """A logo, in the teams' colours more often than not."""
    if rng.random() < 0.3:
        return logos.logo(rng)
    inks = [venue.team, venue.second, np.full(3, 240.0), np.array(random_colour(rng), float)]
    return emblem(rng, inks)


def _midfield(rng: np.random.Generator, canvas: Canvas, venue: _Venue) -> None:
    """The large logo in the middle of the field; some fields have none."""
    if rng.random() < 0.12:
        return
    tall = rng.uniform(5, 17)
    size = (tall * rng.uniform(0.7, 2.2), tall)
    canvas.stamp(_one(rng, venue), rng.normal(0, 0.4, 2), size, 0.0, rng.uniform(0.5, 1.0))


def _logos(rng: np.random.Generator, canvas: Canvas, venue: _Venue) -> None:
    """Logos on the 25s and others, small ones beside the numerals."""
    if rng.random() < 0.3:
        picture, size = _one(rng, venue), (rng.uniform(3, 9), rng.uniform(2.5, 5))
        yards = float(rng.choice([20, 25, 25, 30, 35]))
        for side in (-1, 1):
            canvas.stamp(picture, np.array([side * yards * YARD, rng.normal(0, 0.5)]), size)
    if rng.random() < 0.35:
        picture, yards = _one(rng, venue), float(rng.choice([20, 25, 25, 30, 33]))
        for side in (-1, 1):
            for turn in (-1, 1):
                place = np.array([side * yards * YARD, turn * rng.uniform(18, 22)])
                canvas.stamp(picture, place, (2.5, 2.5), 0.0 if turn < 0 else np.pi)


def _worn(rng: np.random.Generator, canvas: Canvas) -> None:
    """Dry or muddy turf: the middle between the hashes, patches anywhere."""
    if rng.random() < 0.5:
        return
    v, u = np.mgrid[-1:1:256j, -1:1:512j]
    x, y = u * 66, v * 35
    noise = cv2.resize(fractal_noise(rng, 5, roughness=0.75), (512, 256))
    middle = np.exp(-((y / rng.uniform(3, 11)) ** 4) - (x / rng.uniform(25, 60)) ** 4)
    weight = rng.uniform(0, 0.65) * middle * np.clip(0.5 + 0.5 * noise, 0, 1)
    weight = weight + rng.uniform(0, 0.35) * np.clip(noise - 0.8, 0, 1)
    colour = np.array(DRY_BGR) * rng.uniform(0.55, 1.15) * rng.uniform(0.9, 1.1, 3)
    blend(canvas, _flat(canvas, colour), weight.astype(np.float32))


def _other_sport(rng: np.random.Generator, canvas: Canvas) -> None:
    """Soccer's lines, or some of lacrosse's, in another colour on the same turf."""
    ink = INKS_BGR[rng.integers(len(INKS_BGR))] * rng.uniform(0.8, 1.05)
    length, width = float(rng.uniform(98, 112)), float(rng.uniform(52, 66))
    field = load_field("soccer", length_m=length, width_m=width)
    for marking in field.markings:
        canvas.stroke(marking.points_m, rng.uniform(0.08, 0.13), ink)
    for _ in range(int(rng.integers(0, 5))):
        ink = INKS_BGR[rng.integers(len(INKS_BGR))]
        x, y = rng.uniform(-50, 50), rng.uniform(5, 24)
        canvas.stroke(np.array([[x, -y], [x, y]]), 0.1, ink)


def _lines(rng: np.random.Generator, canvas: Canvas, field: Field, venue: _Venue) -> None:
    """The field's own lines: white, a few in other colours, some kinds missing at schools."""
    white = rng.uniform(200, 256) * rng.uniform(0.95, 1.03, 3)
    special = venue.team if rng.random() < 0.6 else INKS_BGR[rng.integers(len(INKS_BGR))]
    inks: dict[str, Array] = {}
    if rng.random() < 0.2:  # where kick-offs are caught or drives begin
        yards = int(rng.choice([25, 25, 25, 20, 15, 10]))
        inks[f"yard line +{yards}"] = inks[f"yard line -{yards}"] = special
    if rng.random() < 0.1:
        inks["yard line +0"] = special
    if rng.random() < 0.15:
        inks["left goal line"] = inks["right goal line"] = special
    if venue.amateur and rng.random() < 0.08:
        white = INKS_BGR[rng.integers(len(INKS_BGR))].astype(float)
    widen = rng.uniform(0.85, 1.5 if venue.amateur else 1.2)
    without = _missing(rng, venue)
    for marking in field.markings:
        if not any(part in marking.name for part in without):
            ink = inks.get(marking.name, white)
            edged = marking.name in inks and rng.random() < 0.5
            if edged:
                canvas.stroke(marking.points_m, marking.width_m * widen * 2.5, white)
            canvas.stroke(marking.points_m, marking.width_m * widen, ink)
    if rng.random() < 0.2:
        _alignment(canvas, field, white)


def _missing(rng: np.random.Generator, venue: _Venue) -> list[str]:
    """Kinds of markings that this field lacks, by a part of their names."""
    if not venue.amateur:
        return []
    kinds = (("sideline mark", 0.3), ("tick", 0.3), ("try", 0.3), (" hash", 0.06))
    return [kind for kind, share in kinds if rng.random() < share]


def _alignment(canvas: Canvas, field: Field, ink: Array) -> None:
    """Short marks at the numerals' tops, nine yards from the sideline."""
    y = field.width_m / 2 - 9 * YARD
    for yard in range(-45, 50, 5):
        for sign in (-1, 1):
            x = yard * YARD
            canvas.stroke(np.array([[x - 0.3, sign * y], [x + 0.3, sign * y]]), 0.1, ink)


def _fade(rng: np.random.Generator, canvas: Canvas, bare: ImageArray) -> None:
    """Paint wears off here and there: the ground without it shows through."""
    worn = rng.choice([0.0, 0.15, 0.4], p=[0.45, 0.35, 0.2])
    thin = 1 - (rng.uniform(0.0, 0.5) if rng.random() < 0.4 else 0.0)
    if worn == 0 and thin == 1:
        return
    noise = fractal_noise(rng, 7, roughness=0.85)
    blend(canvas, bare, (1 - thin * np.clip(1 + worn * noise, 0.15, 1)).astype(np.float32))


def _snow(rng: np.random.Generator, canvas: Canvas) -> None:
    """Snow lies thin and in patches."""
    noise = fractal_noise(rng, 6, roughness=0.8)
    weight = np.clip(rng.uniform(0.2, 0.7) + 0.35 * noise, 0, 0.92).astype(np.float32)
    blend(canvas, _flat(canvas, (238.0, 234.0, 230.0)), weight)


def _box(x0: float, y0: float, x1: float, y1: float) -> Array:
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
