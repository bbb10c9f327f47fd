"""Floors of basketball courts: wood, plastic or asphalt, stains and paint, logos, lines."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.fields import Field
from models.registration import logos
from models.registration.cameras import Array
from models.registration.floors import Canvas
from models.registration.looks.basketball_lines import (
    APRON,
    ART,
    CIRCLE,
    COURT,
    HALF_DISC,
    INSIDE,
    LANE,
    LOWER_DISC,
    NO_CHARGE,
    OUTSIDE,
    ZONES,
    Scheme,
    box,
    other_lines,
    outer_marks,
    own_lines,
)
from models.registration.strokes import random_colour
from models.registration.textures import fractal_noise

WOODS_BGR = np.array(
    [
        [150, 195, 225],
        [165, 205, 235],
        [160, 185, 225],
        [105, 165, 215],
        [80, 140, 200],
        [75, 115, 180],
        [70, 105, 150],
        [50, 75, 110],
        [150, 160, 165],
        [130, 175, 200],
    ]
)
"""Maple, pale and pinkish maple, honey, oak, beech, brown, walnut, grey stain, ash."""
HARD_BGR = np.array(
    [
        [110, 110, 110],
        [75, 80, 85],
        [150, 110, 60],
        [90, 125, 70],
        [60, 70, 150],
        [60, 100, 180],
        [170, 150, 120],
        [130, 90, 110],
    ]
)
"""Asphalt and plastic: greys, blue, green, red, orange, pale blue, violet."""
TEAMS_BGR = np.array(
    [
        [70, 35, 15],
        [40, 25, 150],
        [60, 90, 20],
        [20, 20, 20],
        [120, 40, 75],
        [30, 95, 215],
        [160, 75, 25],
        [50, 20, 90],
        [110, 110, 10],
        [120, 120, 120],
        [50, 180, 235],
        [190, 150, 100],
    ]
)
"""Navy, red, green, black, violet, orange, royal blue, maroon, teal, grey, gold, sky blue."""
NEUTRAL_TONE = 128
TONE_STEP = 30.0
"""One deviation of a floor's grain, in the map of tones."""


def paint_floor(rng: np.random.Generator, field: Field, scale_m: float, margin_m: float) -> Canvas:
    """Paint a whole floor, seeded by `rng`."""
    kind = str(rng.choice(["arena", "hall", "outdoor"], p=[0.55, 0.33, 0.12]))
    wood = rng.random() < {"arena": 0.93, "hall": 0.72, "outdoor": 0.0}[kind]
    tones = WOODS_BGR if wood else HARD_BGR
    ground = tones[rng.integers(len(tones))] * rng.uniform(0.72, 1.1) * rng.uniform(0.93, 1.07, 3)
    ground = ground * min(1.0, 228 / ground.max())  # lamps make the brightest floors brighter still
    team = (_team_colour(rng), _team_colour(rng))
    scheme = Scheme(kind, ground, team)
    canvas = Canvas(field, scale_m, margin_m, ground)
    rows, columns = canvas.image.shape[:2]
    tone = _planks(rng, rows, columns, scale_m) if wood else _grit(rng, rows, columns)
    zones, apron_m = _zones(rng, canvas, field, scheme)
    colours = _zone_colours(rng, scheme)
    strength = rng.uniform(0.01, 0.09) if wood else rng.uniform(0.0, 0.05)
    table = _table(rng, colours, strength)
    index = zones.astype(np.int32) * 256 + tone
    np.take(table.reshape(-1, 3), index, axis=0, out=canvas.image)
    _decorate(rng, canvas, field, scheme, apron_m)
    if rng.random() < {"arena": 0.12, "hall": 0.6, "outdoor": 0.25}[kind]:
        other_lines(rng, canvas, field)
    if rng.random() < 0.4:
        outer_marks(rng, canvas, field)
    own_lines(rng, canvas, field, scheme, colours)
    _wear(rng, canvas)
    return canvas


def _team_colour(rng: np.random.Generator) -> Array:
    """Deep colours more often than not, as clubs choose."""
    if rng.random() < 0.3:
        return np.array(random_colour(rng), float) * rng.uniform(0.5, 1.0)
    tint = TEAMS_BGR[rng.integers(len(TEAMS_BGR))] * rng.uniform(0.6, 1.4)
    return np.clip(tint * rng.uniform(0.85, 1.15, 3) + rng.uniform(0, 25, 3), 0, 245)


# -- the ground


def _planks(rng: np.random.Generator, rows: int, columns: int, scale_m: float) -> NDArray[np.uint8]:
    """(rows, columns) tones of boards along x, along y, or in square panels of both."""
    layout = rng.choice(3, p=[0.68, 0.17, 0.15])
    if layout == 0:
        return _boards(rng, rows, columns, scale_m)
    if layout == 1:
        return np.ascontiguousarray(_boards(rng, columns, rows, scale_m).T)
    side = max(4, int(rng.choice([0.5, 1.0, 1.52]) / scale_m))
    across = np.ascontiguousarray(_boards(rng, columns, rows, scale_m).T)
    odd = ((np.arange(rows) // side)[:, None] + (np.arange(columns) // side)[None]) % 2 == 1
    return np.where(odd, across, _boards(rng, rows, columns, scale_m))


def _boards(rng: np.random.Generator, rows: int, columns: int, scale_m: float) -> NDArray[np.uint8]:
    """Boards along the columns, each of its own tone."""
    wide = max(2, int(rng.uniform(0.05, 0.14) / scale_m))
    n = rows // wide + 1
    length = rng.uniform(0.4, 2.5) * rng.uniform(0.7, 1.3, (n, 1)) / scale_m
    start = rng.uniform(0, 100, (n, 1)) / scale_m
    piece = ((np.arange(columns)[None] + start) / length).astype(np.int32)
    piece += rng.integers(0, 4096, (n, 1), dtype=np.int32)
    values = np.clip(NEUTRAL_TONE + TONE_STEP * rng.normal(size=4096), 0, 255).astype(np.uint8)
    return np.repeat(values[piece % 4096], wide, axis=0)[:rows]


def _grit(rng: np.random.Generator, rows: int, columns: int) -> NDArray[np.uint8]:
    """Asphalt's or plastic's tones."""
    noise = fractal_noise(rng, 7, roughness=rng.uniform(0.6, 1.0))
    tone = np.clip(NEUTRAL_TONE + TONE_STEP * noise, 0, 255).astype(np.uint8)
    return np.tile(tone, (rows // len(tone) + 1, columns // len(tone) + 1))[:rows, :columns]


def _zones(
    rng: np.random.Generator, canvas: Canvas, field: Field, scheme: Scheme
) -> tuple[NDArray[np.uint8], float]:
    """The zone of every texel, and how wide the apron is (m); which zones differ is drawn later."""
    zones = np.full(canvas.image.shape[:2], OUTSIDE, np.uint8)

    def fill(points_m: Array, zone: int) -> None:
        points = np.rint(canvas.pixels(points_m)).astype(np.int32)
        cv2.fillPoly(zones, [points], zone)

    x, y = field.length_m / 2, field.width_m / 2
    wide = rng.uniform(1.0, 3.2) if scheme.kind == "arena" else rng.uniform(0.4, 4.5)
    side = wide * rng.uniform(0.5, 1.2)
    fill(box(x + wide, y + side), APRON)
    fill(box(x, y), COURT)
    if rng.random() < 0.15:
        fill(_art(rng, field), ART)
    for end in ("left", "right"):
        fill(field.marking(f"{end} three-point line").points_m, INSIDE)
        fill(field.region(f"{end} free-throw half disc").polygon_m, HALF_DISC)
        fill(field.region(f"{end} lane").polygon_m, LANE)
        lower = field.region(f"{end} free-throw half disc").polygon_m.copy()
        lower[:, 0] = 2 * lower[0, 0] - lower[:, 0]
        fill(lower, LOWER_DISC)
        fill(field.region(f"{end} no-charge area").polygon_m, NO_CHARGE)
    fill(field.region("centre circle").polygon_m, CIRCLE)
    return zones, min(wide, side)


def _art(rng: np.random.Generator, field: Field) -> Array:
    """A large shape stained into the floor: a band, a blob or half of the court."""
    kind, x, y = rng.random(), field.length_m / 2, field.width_m / 2
    if kind < 0.3:
        return box(rng.uniform(0.1, 0.5) * x, y)
    if kind < 0.45:
        return np.array([[0, -y], [x, -y], [x, y], [0, y]]) * rng.choice([-1, 1])
    angle = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 12))))
    reach = rng.uniform(0.2, 1.0, (len(angle), 1)) * [0.6 * x, y]
    return np.stack([np.cos(angle), np.sin(angle)], 1) * reach


def _zone_colours(rng: np.random.Generator, scheme: Scheme) -> Array:
    """(ZONES, 3) BGR: bare ground, stained ground or paint."""
    ground, (first, second) = scheme.ground, scheme.team
    out = np.repeat(ground[None], ZONES, 0)

    def stain() -> Array:
        return ground * rng.uniform(0.55, 1.3) * rng.uniform(0.9, 1.1, 3)

    def paint() -> Array:
        return first if rng.random() < 0.7 else second

    def painted(likely: float, stained: float, otherwise: Array) -> Array:
        if rng.random() >= likely:
            return otherwise
        return stain() if rng.random() < stained else paint()

    arena = scheme.kind == "arena"
    out[APRON] = painted(0.8 if arena else 0.45, 0.2, ground)
    out[OUTSIDE] = _outside(rng, ground, out[APRON])
    out[ART] = painted(1.0, 0.8, ground)
    out[INSIDE] = painted(0.35 if arena else 0.22, 0.6, ground)
    out[LANE] = painted(0.72 if arena else 0.5, 0.22, out[INSIDE])
    out[HALF_DISC] = painted(0.12, 0.1, out[LANE] if rng.random() < 0.2 else out[INSIDE])
    out[LOWER_DISC] = painted(0.08, 0.5, out[LANE])
    out[NO_CHARGE] = painted(0.12, 0.5, out[LANE])
    out[CIRCLE] = painted(0.35, 0.3, ground)
    return np.clip(out, 6, 238)


def _outside(rng: np.random.Generator, ground: Array, apron: Array) -> Array:
    """What lies beyond the apron: the same, grey or coloured carpet, the bare ground."""
    roll = rng.random()
    if roll < 0.4:
        return apron
    if roll < 0.75:
        return rng.uniform(15, 150) * rng.uniform(0.85, 1.15, 3)
    return _team_colour(rng) if roll < 0.85 else ground


def _table(rng: np.random.Generator, colours: Array, strength: float) -> NDArray[np.uint8]:
    """(ZONES, 256, 3) colours of all tones: the grain shows less through paint than bare."""
    step = (np.arange(256) - NEUTRAL_TONE) / TONE_STEP
    bare = np.abs(colours - colours[COURT]).sum(1) < 60
    grain = strength * np.where(bare, 1.0, rng.uniform(0.1, 0.9))
    warm = np.array([1.25, 1.0, 0.8])
    factor = 1 + grain[:, None, None] * step[None, :, None] * warm
    return np.clip(colours[:, None] * factor, 0, 255).astype(np.uint8)


# -- what is painted on it


def _decorate(
    rng: np.random.Generator, canvas: Canvas, field: Field, scheme: Scheme, apron_m: float
) -> None:
    """Letters on the apron, logos on the court and around it."""
    much = {"arena": 1.0, "hall": 0.4, "outdoor": 0.3}[scheme.kind]
    if rng.random() < 0.85 * much:
        _apron_words(rng, canvas, field, scheme, apron_m)
    if rng.random() < 0.85 * much:
        _centre(rng, canvas, scheme)
    for _ in range(int(rng.integers(0, 9) * much)):
        _ad(rng, canvas, field, scheme)


def _ink(rng: np.random.Generator, scheme: Scheme) -> tuple[int, int, int]:
    roll = rng.random()
    if roll < 0.5:
        return (245, 245, 245)
    if roll < 0.8:
        b, g, r = (int(v) for v in scheme.team[int(rng.integers(2))])
        return (b, g, r)
    return random_colour(rng)


def _letters(rng: np.random.Generator, scheme: Scheme) -> NDArray[np.uint8]:
    outline = _ink(rng, scheme) if rng.random() < 0.3 else None
    return logos.word(rng, colour=_ink(rng, scheme), outline=outline)


def _apron_words(
    rng: np.random.Generator, canvas: Canvas, field: Field, scheme: Scheme, apron_m: float
) -> None:
    """Names along the end lines and sidelines."""
    x, y = field.length_m / 2, field.width_m / 2
    tall = apron_m * rng.uniform(0.35, 0.85)
    ends, sides = rng.random() < 0.8, rng.random() < 0.7
    turn = float(rng.choice([-1, 1]))
    for side in (-1, 1):
        if ends:
            text, long = _letters(rng, scheme), rng.uniform(0.25, 0.95) * field.width_m
            place = np.array([side * (x + apron_m / 2 + 0.05), rng.normal(0, 0.4)])
            canvas.stamp(text, place, (long, tall), side * turn * np.pi / 2)
        for _ in range(int(rng.integers(1, 5)) if sides else 0):
            emblem = rng.random() < 0.25
            picture = logos.logo(rng) if emblem else _letters(rng, scheme)
            long = tall * (rng.uniform(1, 2) if emblem else rng.uniform(2.5, 8))
            place = np.array([rng.uniform(-0.9, 0.9) * x, side * (y + apron_m / 2 + 0.05)])
            canvas.stamp(picture, place, (long, tall), 0.0 if rng.random() < 0.8 else np.pi)


def _centre(rng: np.random.Generator, canvas: Canvas, scheme: Scheme) -> None:
    """The club's emblem in the middle, smaller or larger than the circle."""
    size = rng.uniform(1.8, 8.0)
    emblem = rng.random() < 0.8
    picture = logos.logo(rng) if emblem else _letters(rng, scheme)
    shape = (size, size * (rng.uniform(0.5, 1.0) if emblem else rng.uniform(0.2, 0.45)))
    opacity = 1.0 if rng.random() < 0.75 else rng.uniform(0.15, 0.7)
    middle = np.array([rng.normal(0, 0.05), rng.normal(0, 0.2)])
    canvas.stamp(picture, middle, shape, 0.0, opacity)


def _ad(rng: np.random.Generator, canvas: Canvas, field: Field, scheme: Scheme) -> None:
    """A sponsor's mark on the court: near a key, in the key, along a sideline."""
    x, y = field.length_m / 2, field.width_m / 2
    emblem = rng.random() < 0.35
    picture = logos.logo(rng) if emblem else _letters(rng, scheme)
    wide = rng.uniform(1.0, 4.5)
    shape = (wide, wide * (rng.uniform(0.4, 0.9) if emblem else rng.uniform(0.15, 0.4)))
    where = rng.choice(4)
    sign = rng.choice([-1, 1], 2)
    place = sign * np.array(
        [
            (rng.uniform(0.55, 0.8) * x, rng.uniform(0.6, 0.88) * y),
            (rng.uniform(0.5, 0.8) * x, rng.normal(0, 0.3)),
            (rng.uniform(0.1, 0.5) * x, rng.uniform(0.55, 0.9) * y),
            (rng.uniform(0.2, 0.5) * x, rng.uniform(0.0, 0.5) * y),
        ][where]
    )
    if rng.random() < 0.3:  # a filled ellipse below it
        angle = np.linspace(0, 2 * np.pi, 40)
        ring = np.stack([np.cos(angle), np.sin(angle)], 1) * np.array(shape) * 0.75
        canvas.area(ring + place, _ink(rng, scheme))
    turn = float(rng.choice([0.0, np.pi / 2, -np.pi / 2], p=[0.8, 0.1, 0.1]))
    canvas.stamp(picture, place, shape, turn)


def _wear(rng: np.random.Generator, canvas: Canvas) -> None:
    """Slow tones over everything, and now and then fine noise that frays the lines."""
    tone = rng.uniform(0.0, 0.06) * fractal_noise(rng, 4, roughness=0.6)
    if rng.random() < 0.3:
        tone = tone + rng.uniform(0, 0.04) * fractal_noise(rng, 7, roughness=0.9)
    canvas.shade((1 + tone).astype(np.float32))
