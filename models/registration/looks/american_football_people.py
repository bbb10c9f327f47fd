"""Who and what stands on an American football field: teams, officials, benches, posts, pylons."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.fields import Field
from edge.fields.shapes import FOOT, YARD
from edge.types import ImageArray
from models.registration.cameras import Array, Cameras
from models.registration.looks.american_football_art import bold
from models.registration.people import Kit, crew, kits
from models.registration.strokes import line, polygon, random_colour

OFFICIAL: Kit = ((165, 165, 165), (20, 20, 20), (90, 115, 160), (20, 20, 20))
"""Stripes are drawn over the shirt where they can be seen."""
STRIPES_FROM = 14
"""Height in pixels from which an official's stripes show."""
CROSSBAR_M = 10 * FOOT
GAPS_M = {"nfl": 18.5 * FOOT, "ncaa_football": 18.5 * FOOT, "high_school_football": 23 * FOOT}
"""Between the uprights."""


def seen_middle(cams: Cameras, i: int) -> Array:
    """(2,) metres: where camera i's optical axis meets the ground, within the field."""
    ahead = cams.rotation[i, 2]
    t = cams.centre_m[i, 2] / max(-ahead[2], 1e-3)
    return np.asarray(np.clip((cams.centre_m[i] + t * ahead)[:2], -55, 55))


def everyone(
    image: ImageArray,
    cams: Cameras,
    i: int,
    field: Field,
    scrimmage: float,
    rng: np.random.Generator,
) -> None:
    """Two teams around x = `scrimmage`, officials, both benches, the chain crew; far ones first."""
    dress = _dress(rng)
    groups = [_teams(rng, scrimmage), _officials(rng, scrimmage), _sidelines(rng, field, scrimmage)]
    if rng.random() < 0.05:
        groups = groups[2:]
    places = np.concatenate([g[0] for g in groups])
    wears = np.concatenate([g[1] for g in groups])
    order = np.argsort(-places[:, 1])
    places, wears = places[order], wears[order]
    shadow = rng.uniform(8, 55) if rng.random() < 0.7 else 0.0
    drawn = crew(image, cams, i, places, rng, dress=dress, shadow=shadow, wears=wears)
    for foot_x, foot_y, tall in drawn[wears == 2]:
        if tall > STRIPES_FROM:
            _stripes(image, foot_x, foot_y, tall)
    if rng.random() < 0.5:
        _chain(image, cams, i, field, scrimmage, rng)


def _dress(rng: np.random.Generator) -> list[Kit]:
    """Two teams with helmets, officials, and what others wear."""
    out: list[Kit] = []
    white = (240, 240, 240)
    for k in range(2):
        shirt = white if k == 1 and rng.random() < 0.6 else random_colour(rng)
        trousers = random_colour(rng) if rng.random() < 0.5 else (shirt if k else white)
        out.append((shirt, trousers, random_colour(rng), random_colour(rng)))
    out.append(OFFICIAL)
    return [*out, *kits(rng)[:3]]


def _teams(rng: np.random.Generator, scrimmage: float) -> tuple[Array, NDArray[np.int64]]:
    """Eleven against eleven, before the snap or some time after it."""
    ball_y = rng.uniform(-7, 7)
    away = int(rng.choice([-1, 1]))  # the offence's side
    wide = rng.uniform(1.0, 2.2)
    line_up = np.c_[np.full(5, -0.9), np.arange(-2, 3) * wide]
    backs = np.c_[-rng.uniform(2, 8, 2), rng.normal(0, 1.5, 2)]
    ends = np.c_[-rng.uniform(0.6, 2.5, 4), rng.choice([-1, 1], 4) * rng.uniform(4, 21, 4)]
    front = np.c_[rng.uniform(0.7, 1.6, 4), np.linspace(-4, 4, 4) + rng.normal(0, 0.7, 4)]
    rest = np.c_[rng.uniform(2.5, 17, 7), rng.normal(0, 1, 7) * np.r_[[4] * 3, [13] * 4]]
    offence = np.concatenate([line_up, backs, ends])
    both = np.concatenate([offence, np.concatenate([front, rest])])
    both = both + rng.normal(0, 1, both.shape) * (0.3 if rng.random() < 0.5 else rng.uniform(1, 8))
    both = both * (away, 1) + (scrimmage, ball_y)
    both[:, 1] = np.clip(both[:, 1], -26, 26)
    sides = np.repeat([0, 1], 11)
    return both, sides if rng.random() < 0.5 else 1 - sides


def _officials(rng: np.random.Generator, scrimmage: float) -> tuple[Array, NDArray[np.int64]]:
    """Seven: behind both teams, on the line of scrimmage's ends, deep."""
    n = int(rng.integers(3, 9))
    places = np.c_[scrimmage + rng.normal(0, 12, n), rng.uniform(-24.5, 24.5, n)]
    return places, np.full(n, 2)


def _sidelines(
    rng: np.random.Generator, field: Field, scrimmage: float
) -> tuple[Array, NDArray[np.int64]]:
    """Benches between the 25s on both sides, others along the lines and behind the ends."""
    out, wears = [], []
    for sign, team in ((-1, 0), (1, 1)):
        n = int(rng.integers(0, 30))
        x = rng.uniform(-25 * YARD, 25 * YARD, n)
        close = rng.random(n) < 0.4
        x = np.where(close, scrimmage + rng.normal(0, 8, n), x)
        out.append(np.c_[x, sign * (field.width_m / 2 + rng.uniform(1.2, 7, n))])
        wears.append(np.where(rng.random(n) < 0.6, team, rng.integers(3, 6, n)))
    n = int(rng.integers(0, 12))
    x = rng.choice([-1, 1], n) * (field.length_m / 2 + rng.uniform(1.5, 7, n))
    out.append(np.c_[x, rng.uniform(-28, 28, n)])
    wears.append(rng.integers(3, 6, n))
    return np.concatenate(out), np.concatenate(wears)


def _stripes(image: ImageArray, x: float, y: float, tall: float) -> None:
    """Black stripes on a white shirt."""
    for k in (-0.08, -0.027, 0.027, 0.08):
        top, low = (
            np.array([x + k * tall, y - 0.8 * tall]),
            np.array([x + k * tall, y - 0.5 * tall]),
        )
        line(image, top, low, (10, 10, 10), 0.03 * tall)


def _chain(
    image: ImageArray,
    cams: Cameras,
    i: int,
    field: Field,
    scrimmage: float,
    rng: np.random.Generator,
) -> None:
    """Two rods with orange ends ten yards apart on one sideline, and the down marker."""
    h, w = image.shape[:2]
    y = float(rng.choice([-1, 1])) * (field.width_m / 2 + rng.uniform(0.2, 2.0))
    start = scrimmage + rng.uniform(-9, 0)
    for x in (start, start + 10 * YARD, scrimmage):
        p, z = cams.project(i, np.array([[x, y, 0], [x, y, 1.4], [x, y, 2.0]]), w, h)
        if (z > 1).all() and np.abs(p).max() < 3 * w:
            thick = 0.05 * cams.focal[i, 0] * w / float(z[0])
            line(image, p[0], p[1], (235, 235, 235), thick)
            line(image, p[1], p[2], (20, 100, 240), 4 * thick)


def posts(image: ImageArray, cams: Cameras, i: int, field: Field, rng: np.random.Generator) -> None:
    """Goal posts on the end lines, yellow or white, and the pylons."""
    h, w = image.shape[:2]
    ink = (40, 215, 245) if rng.random() < 0.7 else (235, 235, 235)
    fork = rng.random() < 0.8
    tall = CROSSBAR_M + rng.uniform(3.0, 10.7)
    half = GAPS_M.get(field.name, 5.6) / 2
    for sign in (-1, 1):
        x = sign * field.length_m / 2
        base = x + sign * (2.0 if fork else 0.0)
        solid = [(base, 0, 0), (base, 0, CROSSBAR_M * 0.8), (x, 0, CROSSBAR_M)]
        frame = [(x, -half, CROSSBAR_M), (x, half, CROSSBAR_M), (x, -half, tall), (x, half, tall)]
        p, z = cams.project(i, np.array(solid + frame, float), w, h)
        if (z < 1).any() or np.abs(p).max() > 6 * w:
            continue
        thick = 0.14 * cams.focal[i, 0] * w / float(z[0])
        for a, b in ((0, 1), (1, 2), (3, 4), (3, 5), (4, 6)):
            line(image, p[a], p[b], ink, thick * (1.6 if b < 3 else 1.0))
        _pylons(image, cams, i, field, sign)


def _pylons(image: ImageArray, cams: Cameras, i: int, field: Field, sign: int) -> None:
    """Orange, 18 inches high, at the corners of one end zone."""
    h, w = image.shape[:2]
    for x in (sign * 50 * YARD, sign * field.length_m / 2):
        for side in (-1, 1):
            y = side * (field.width_m / 2 + 0.1)
            p, z = cams.project(i, np.array([[x, y, 0], [x, y, 0.46]]), w, h)
            if (z > 1).all() and np.abs(p).max() < 2 * w:
                line(image, p[0], p[1], (20, 95, 245), 0.14 * cams.focal[i, 0] * w / float(z[0]))


def down_sign(
    image: ImageArray, cams: Cameras, i: int, scrimmage: float, rng: np.random.Generator
) -> None:
    """Lay the arrow with down and distance on the ground, as television does."""
    h, w = image.shape[:2]
    away = int(rng.choice([-1, 1]))
    x0 = scrimmage - away * rng.uniform(0, 3)
    long, deep, y = rng.uniform(5, 13), rng.uniform(1.8, 4.0), rng.uniform(-16, 16)
    x1 = x0 - away * long
    corners = np.array([[x0, y], [x1, y], [x1, y + deep], [x0, y + deep]])
    tip = np.array([[x0, y - 0.3], [x0 + away * deep * 0.7, y + deep / 2], [x0, y + deep + 0.3]])
    ground = np.c_[np.concatenate([corners, tip]), np.zeros(7)]
    p, z = cams.project(i, ground, w, h)
    if (z < 1).any() or np.abs(p).max() > 4 * w:
        return
    layer = image.copy()
    box = random_colour(rng)
    polygon(layer, p[:4], box)
    polygon(layer, p[4:], box)
    text = f"{rng.integers(1, 5)}{rng.choice(['st', 'nd', 'rd', 'th'])} & {rng.integers(1, 20)}"
    picture = bold(rng, text, random_colour(rng), None)
    th, tw = picture.shape[:2]
    left = p[:4] if x0 < x1 else p[[1, 0, 3, 2]]
    source = np.array([[0, th], [tw, th], [tw, 0], [0, 0]], np.float32)
    move = cv2.getPerspectiveTransform(source, left.astype(np.float32))
    laid = cv2.warpPerspective(picture, move, (w, h), flags=cv2.INTER_LINEAR)
    alpha = laid[..., 3:].astype(np.float32) / 255
    layer[:] = (layer + alpha * (laid[..., :3].astype(np.float32) - layer)).astype(np.uint8)
    strength = rng.uniform(0.6, 1.0)
    cv2.addWeighted(layer, strength, image, 1 - strength, 0, image)
