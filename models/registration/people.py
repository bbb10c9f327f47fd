"""People on and around a pitch: players with their shadows, officials, spectators."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.types import ImageArray
from models.registration.cameras import Array, Cameras
from models.registration.strokes import (
    SHIFT,
    Colour,
    disc,
    fixed,
    line,
    offset,
    polygon,
    random_colour,
)

Kit = tuple[Colour, Colour, Colour, Colour]
"""Colours of shirt, shorts, skin and socks."""
SKINS: tuple[Colour, ...] = ((140, 170, 215), (110, 140, 190), (70, 95, 140), (40, 55, 85))
STROKES_BELOW = 9
"""Height in pixels under which a person is four strokes."""


def kits(rng: np.random.Generator) -> list[Kit]:
    """Two teams, two goalkeepers, an official, and one who wears anything."""
    out: list[Kit] = []
    for _ in range(6):
        shirt = random_colour(rng)
        shorts = shirt if rng.random() < 0.4 else random_colour(rng)
        skin = SKINS[rng.integers(4)]
        out.append((shirt, shorts, skin, shirt if rng.random() < 0.4 else random_colour(rng)))
    return out


def person(
    image: ImageArray, foot: Array, height: float, rng: np.random.Generator, kit: Kit
) -> None:
    """Draw one person, `height` pixels tall, standing at `foot` (2,)."""
    if height < STROKES_BELOW:
        _tiny(image, foot, height, kit)
        return
    h = height
    shirt, shorts, skin, _ = kit
    x, y = foot
    lean = rng.normal(0, 0.05) * h
    stride = abs(rng.normal(0, 0.13)) * h
    hip = np.array([x + lean * 0.4, y - 0.48 * h])
    neck = np.array([x + lean, y - 0.83 * h])
    for side in (-1, 1):
        _limbs(image, hip, neck, (x + side * stride, y), side, h, rng, kit)
    width = 0.115 * h
    torso = [
        offset(neck, -width, 0),
        offset(neck, width, 0),
        offset(hip, width * 0.8, 0),
        offset(hip, -width * 0.8, 0),
    ]
    polygon(image, np.stack(torso), shirt)
    pelvis = [
        offset(hip, -width * 0.85, -0.03 * h),
        offset(hip, width * 0.85, -0.03 * h),
        offset(hip, width, 0.14 * h),
        offset(hip, -width, 0.14 * h),
    ]
    polygon(image, np.stack(pelvis), shorts)
    disc(image, neck - [0, 0.085 * h], max(8, int(0.068 * h * (1 << SHIFT))), skin)


def _tiny(image: ImageArray, foot: Array, h: float, kit: Kit) -> None:
    """A person of a few pixels: legs, trunk and head are strokes."""
    shirt, shorts, skin, socks = kit
    x, y = foot
    for low, high, colour, t in (
        (0.0, 0.3, socks, 0.13),
        (0.3, 0.5, shorts, 0.2),
        (0.5, 0.85, shirt, 0.24),
        (0.86, 0.97, skin, 0.13),
    ):
        line(image, np.array([x, y - low * h]), np.array([x, y - high * h]), colour, t * h)


def _limbs(
    image: ImageArray,
    hip: Array,
    neck: Array,
    step: tuple[float, float],
    side: int,
    h: float,
    rng: np.random.Generator,
    kit: Kit,
) -> None:
    """One leg, whose foot comes down near `step`, and the arm of the same side."""
    shirt, shorts, skin, socks = kit
    thick = 0.085 * h
    end = np.array([step[0], step[1] - rng.uniform(0, 0.06) * h])
    knee = offset((hip + end) / 2, rng.normal(0, 0.04) * h, 0)
    line(image, hip, knee, shorts if rng.random() < 0.8 else skin, thick)
    line(image, knee, end, socks, thick * 0.8)
    hand = offset(neck, side * rng.uniform(0.08, 0.25) * h, rng.uniform(0.12, 0.36) * h)
    shoulder = offset(neck, side * 0.08 * h, 0.02 * h)
    line(image, shoulder, hand, skin if rng.random() < 0.6 else shirt, thick * 0.65)


def players(
    image: ImageArray,
    cams: Cameras,
    i: int,
    field_m: tuple[float, float],
    rng: np.random.Generator,
    shadow: float,
) -> None:
    """Draw players, officials and people on the touchline as camera i sees them, far ones first.

    `field_m` is the field's length and width; `shadow` the depth of their shadows, 0 for none:
    from 1 on they are black.
    """
    h, w = image.shape[:2]
    xy = _places(rng, field_m[0] / 2, field_m[1] / 2)
    tall = rng.uniform(1.65, 1.95, len(xy))
    ground = np.c_[xy, np.zeros(len(xy))]
    foot, z = cams.project(i, ground, w, h)
    head, _ = cams.project(i, ground + np.c_[np.zeros((len(xy), 2)), tall], w, h)
    sun = rng.normal(0, 1, 2) * 1.2
    tip, _ = cams.project(i, np.c_[xy + sun * tall[:, None], np.zeros(len(xy))], w, h)
    size = foot[:, 1] - head[:, 1]
    inside = (foot[:, 0] > -20) & (foot[:, 0] < w + 20) & (head[:, 1] < h) & (foot[:, 1] > 0)
    seen = np.flatnonzero((z > 1) & inside & (size > 2) & (size < 1.2 * h))
    team = kits(rng)
    if shadow > 0:
        _shadows(image, foot[seen], tip[seen], size[seen], shadow)
    for k in seen:
        who = int(rng.choice(6, p=[0.4, 0.4, 0.04, 0.04, 0.06, 0.06]))
        person(image, foot[k], size[k], rng, team[who])
    if rng.random() < 0.7:
        _ball(image, cams, i, xy, rng)


def crew(
    image: ImageArray,
    cams: Cameras,
    i: int,
    places_m: Array,
    rng: np.random.Generator,
    *,
    dress: list[Kit] | None = None,
    shadow: float = 25.0,
    height_m: tuple[float, float] = (1.6, 1.98),
    wears: NDArray[np.int64] | None = None,
) -> NDArray[np.float64]:
    """Draw people at (n, 2) places, in that order, with soft shadows below them.

    `dress` are kits to choose from, by chance or as `wears` (n,) says. Returns (n, 3): foot x and y
    in pixels and height in pixels; a height of 0 for who is not in the picture.
    """
    h, w = image.shape[:2]
    dress = dress or kits(rng)
    out = np.zeros((len(places_m), 3))
    if not len(places_m):
        return out
    tall = rng.uniform(*height_m, len(places_m))
    ground = np.c_[places_m, np.zeros(len(places_m))]
    foot, z = cams.project(i, ground, w, h)
    head, _ = cams.project(i, ground + np.c_[np.zeros((len(places_m), 2)), tall], w, h)
    tip, _ = cams.project(i, ground + np.c_[rng.normal(0, 0.8, 2) * tall[:, None], 0 * tall], w, h)
    size = foot[:, 1] - head[:, 1]
    inside = (foot[:, 0] > -0.1 * w) & (foot[:, 0] < 1.1 * w) & (head[:, 1] < h) & (foot[:, 1] > 0)
    seen = np.flatnonzero((z > 1) & inside & (size > 2) & (size < 1.3 * h))
    if shadow > 0 and len(seen):
        _shadows(image, foot[seen], tip[seen], size[seen], shadow)
    for k in seen:
        kit = rng.integers(len(dress)) if wears is None else wears[k]
        person(image, foot[k], size[k], rng, dress[int(kit)])
        out[k] = (*foot[k], size[k])
    return out


def _places(rng: np.random.Generator, lx: float, ly: float) -> Array:
    """(n, 2) metres where people stand on and beside a field of half length and width lx, ly."""
    n = int(rng.integers(6, 30))
    xy = rng.uniform(-1, 1, (n, 2)) * [lx, ly]
    if rng.random() < 0.5:  # play is bunched around the ball
        ball = rng.uniform(-1, 1, 2) * [lx, ly]
        near = rng.random(n) < 0.6
        xy[near] = ball + rng.normal(0, 8, (int(near.sum()), 2))
    beside = int(rng.integers(0, 14))
    side = rng.choice([-1, 1], beside)
    along = rng.uniform(-lx, lx, beside)
    xy = np.r_[xy, np.c_[along, side * (ly + rng.uniform(0.5, 6, beside))]]
    return xy[np.argsort(-xy[:, 1])]


def _shadows(image: ImageArray, foot: Array, tip: Array, size: Array, depth: float) -> None:
    """Darken `image` from `foot` to `tip`, (n, 2) each, of people `size` (n,) pixels tall."""
    dark = np.zeros(image.shape[:2], np.uint8)
    for start, end, height in zip(fixed(foot), fixed(tip), size, strict=True):
        wide = max(1, int(height * 0.14))
        p, q = (int(start[0]), int(start[1])), (int(end[0]), int(end[1]))
        cv2.line(dark, p, q, 255, wide, cv2.LINE_AA, SHIFT)
    change = cv2.multiply(image, cv2.merge([dark] * 3), scale=-depth / 255, dtype=cv2.CV_16S)
    image[:] = (np.asarray(change, np.int16) + image).clip(0, 255).astype(np.uint8)


def _ball(image: ImageArray, cams: Cameras, i: int, xy: Array, rng: np.random.Generator) -> None:
    """The ball, near somebody's feet."""
    h, w = image.shape[:2]
    place = np.array([[*xy[rng.integers(len(xy))], 0.11]]) + rng.normal(0, 1, (1, 3)) * [2, 2, 0]
    ball, depth = cams.project(i, place, w, h)
    radius = 0.11 * cams.focal[i, 0] * w / max(depth[0], 1)
    if depth[0] > 1 and radius < 30:
        disc(image, ball[0], max(6, int(radius * (1 << SHIFT))), (240, 240, 240))


def close_up(image: ImageArray, rng: np.random.Generator) -> None:
    """Draw one to four people who fill the picture."""
    h, w = image.shape[:2]
    for _ in range(int(rng.integers(1, 5))):
        size = rng.uniform(0.7, 2.6) * h
        x = rng.uniform(0.05, 0.95) * w
        foot = np.array([x, h * rng.uniform(0.8, 1.0) + max(0.0, size - 0.8 * h)])
        person(image, foot, size, rng, kits(rng)[0])


def heads(image: ImageArray, rng: np.random.Generator) -> None:
    """Draw spectators who stand between a low camera and the field."""
    h, w = image.shape[:2]
    base = rng.uniform(0.86, 1.0) * h
    for _ in range(int(rng.integers(1, 22))):
        size = rng.uniform(0.02, 0.14) * h
        foot = np.array([rng.uniform(0, w), base + size * rng.uniform(0.3, 1.0)])
        person(image, foot, size, rng, kits(rng)[0])
