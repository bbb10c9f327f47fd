"""People and goals on the ice: skaters with sticks, goalkeepers, officials, benches."""

from __future__ import annotations

import cv2
import numpy as np

from edge.fields import Field
from edge.types import ImageArray
from models.registration.cameras import Array, Cameras
from models.registration.people import Kit, person
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

GOAL_M = (0.915, 1.22, 1.12)
"""NHL 2.1, IIHF 2.1: half the width between the posts, height, depth."""
STRIPED: Kit = ((225, 225, 225), (20, 20, 20), (25, 25, 25), (20, 20, 20))


def kit(rng: np.random.Generator) -> Kit:
    """Shirt, trousers, helmet and stockings of a team."""
    shirt = random_colour(rng)
    trousers: Colour = (30, 25, 25) if rng.random() < 0.5 else random_colour(rng)
    helmet = (235, 235, 235) if rng.random() < 0.45 else random_colour(rng)
    socks = shirt if rng.random() < 0.6 else random_colour(rng)
    return (shirt, trousers, helmet, socks)


def teams(rng: np.random.Generator) -> tuple[Kit, Kit]:
    """Two teams, one of them in white as often as not."""
    home, away = kit(rng), kit(rng)
    if rng.random() < 0.5:
        away = ((235, 235, 235), away[1], away[2], (225, 225, 225))
    return home, away


def skaters(
    image: ImageArray, cams: Cameras, i: int, field: Field, rng: np.random.Generator
) -> tuple[Kit, Kit]:
    """Draw all who are on the ice, and the goals among them, far ones first; returns the teams."""
    lx, ly = field.length_m / 2, field.width_m / 2
    goal_x = abs(float(field.marking("right goal line").points_m[0, 0]))
    dress = teams(rng)
    count = int(rng.choice([10, 8, 14, 4, 0], p=[0.6, 0.15, 0.1, 0.1, 0.05]))
    play = rng.uniform(-1, 1, 2) * [lx, ly]
    spread = rng.uniform(4, 16)
    places = [*(play + rng.normal(0, spread, (count, 2)))]
    roles = [int(k) for k in rng.integers(0, 2, count)]
    for side in (-1, 1):
        if rng.random() < 0.93:
            places.append(np.array([side * (goal_x - rng.uniform(0.2, 1.8)), rng.normal(0, 0.6)]))
            roles.append(3 if side < 0 else 4)
    officials = int(rng.choice([0, 2, 3, 4], p=[0.1, 0.15, 0.25, 0.5]))
    for _ in range(officials):
        by = rng.choice([-1, 1]) * (ly - rng.uniform(0.3, 2.5))
        at = np.array([rng.uniform(-lx, lx) * 0.8, by if rng.random() < 0.7 else rng.normal(0, 5)])
        places.append(at)
        roles.append(2)
    half = np.array([lx - 0.7, ly - 0.4])
    xy = np.clip(np.reshape(places, (-1, 2)), -half, half)
    order = np.argsort(-xy[:, 1])
    seen = _seen(image, cams, i, xy, rng)
    _shadows(image, cams, i, xy[seen[:, 2] > 0], rng)
    nets = False
    for k in order:
        if not nets and xy[k, 1] < 0:
            goals(image, cams, i, goal_x, rng)
            nets = True
        if seen[k, 2] > 0:
            _one(image, seen[k], roles[int(k)], dress, rng)
    if not nets:
        goals(image, cams, i, goal_x, rng)
    return dress


def _seen(image: ImageArray, cams: Cameras, i: int, xy: Array, rng: np.random.Generator) -> Array:
    """(n, 2) places -> (n, 3) foot x, y and height in pixels; height 0 outside the picture."""
    h, w = image.shape[:2]
    tall = rng.uniform(1.7, 2.05, len(xy))
    foot, z = cams.project(i, np.c_[xy, np.zeros(len(xy))], w, h)
    head, _ = cams.project(i, np.c_[xy, tall], w, h)
    size = foot[:, 1] - head[:, 1]
    inside = (foot[:, 0] > -0.1 * w) & (foot[:, 0] < 1.1 * w) & (head[:, 1] < h) & (foot[:, 1] > 0)
    inside &= (z > 1) & (size > 2) & (size < 1.3 * h)
    return np.c_[foot, np.where(inside, size, 0)]


def _shadows(image: ImageArray, cams: Cameras, i: int, xy: Array, rng: np.random.Generator) -> None:
    """Soft shadows of the hall's lamps, in one or two directions, under people at (n, 2) places."""
    h, w = image.shape[:2]
    dark = np.zeros((h, w), np.uint8)
    for _ in range(int(rng.integers(0, 3)) if len(xy) else 0):
        way = rng.normal(0, 0.6, 2)
        foot, z = cams.project(i, np.c_[xy, np.zeros(len(xy))], w, h)
        tip, _ = cams.project(i, np.c_[xy + way, np.zeros(len(xy))], w, h)
        thick = 0.25 * cams.focal[i, 0] * w / z
        for a, b, t in zip(fixed(foot), fixed(tip), thick, strict=True):
            ends = (int(a[0]), int(a[1])), (int(b[0]), int(b[1]))
            cv2.line(dark, *ends, 255, max(1, int(t)), cv2.LINE_AA, SHIFT)
    if dark.any():
        left = 255 - dark * rng.uniform(0.03, 0.3)
        cv2.multiply(image, cv2.merge([left.astype(np.uint8)] * 3), image, scale=1 / 255)


def goals(
    image: ImageArray, cams: Cameras, i: int, goal_x: float, rng: np.random.Generator
) -> None:
    """Draw both."""
    for side in (-1, 1):
        goal(image, cams, i, goal_x, side, rng)


def _one(
    image: ImageArray, place: Array, role: int, dress: tuple[Kit, Kit], rng: np.random.Generator
) -> None:
    """One skater (role 0, 1), official (2) or goalkeeper (3, 4): foot x, y and height, pixels."""
    foot, h = place[:2], float(place[2])
    person(image, foot, h, rng, STRIPED if role == 2 else dress[role % 2])
    if h < 4:
        return
    if role == 2:
        for k in (-0.07, -0.02, 0.03, 0.08):
            top, low = offset(foot, k * h, -0.82 * h), offset(foot, k * h, -0.5 * h)
            line(image, top, low, (25, 25, 25), 0.02 * h)
        return
    if role >= 3:
        pads: Colour = (235, 235, 235) if rng.random() < 0.7 else random_colour(rng)
        for s in (-1, 1):
            knee = offset(foot, s * 0.1 * h, -0.42 * h)
            line(image, offset(foot, s * 0.17 * h, -0.02 * h), knee, pads, 0.15 * h)
        glove = offset(foot, 0.26 * h, -0.45 * h)
        line(image, offset(foot, 0.2 * h, -0.6 * h), glove, pads, 0.14 * h)
    _stick(image, foot, h, rng)


def _stick(image: ImageArray, foot: Array, h: float, rng: np.random.Generator) -> None:
    """From the hands down to a blade on the ice, to either side."""
    side = rng.choice([-1, 1])
    tone = int(rng.choice([15, 40, 200, 235]))
    hands = offset(foot, side * rng.uniform(-0.1, 0.15) * h, -rng.uniform(0.45, 0.62) * h)
    blade = offset(foot, side * rng.uniform(0.25, 0.85) * h, rng.normal(0, 0.12) * h)
    line(image, hands, blade, (tone, tone, tone), 0.028 * h)
    toe = offset(blade, side * 0.13 * h, rng.normal(0, 0.03) * h)
    line(image, blade, toe, (tone, tone, tone), 0.045 * h)


def goal(
    image: ImageArray, cams: Cameras, i: int, goal_x: float, side: int, rng: np.random.Generator
) -> None:
    """Draw the goal on one side as camera i sees it: red frame, white net, padded base."""
    h, w = image.shape[:2]
    half, tall, deep = GOAL_M
    x, shelf = side * goal_x, side * (goal_x + 0.45)
    back = side * (goal_x + deep)
    corners = np.array(
        [
            [x, -half, 0],
            [x, -half, tall],
            [x, half, tall],
            [x, half, 0],
            [back, -half, 0],
            [shelf, -half * 0.95, tall],
            [shelf, half * 0.95, tall],
            [back, half, 0],
        ]
    )
    p, depth = cams.project(i, corners, w, h)
    if (depth < 1).any() or (np.abs(p) > 5 * w).any():
        return
    layer = image.copy()
    tint: Colour = (235, 235, 235) if rng.random() < 0.8 else (90, 90, 90)
    for quad in ((4, 5, 6, 7), (0, 1, 5, 4), (3, 2, 6, 7), (1, 2, 6, 5)):
        polygon(layer, p[list(quad)], tint)
    alpha = rng.uniform(0.15, 0.6)
    cv2.addWeighted(layer, alpha, image, 1 - alpha, 0, image)
    thick = cams.focal[i, 0] * w / float(depth[:4].mean())
    base: Colour = (235, 235, 235) if rng.random() < 0.6 else (40, 30, 190)
    for a, b in ((0, 4), (4, 7), (7, 3)):
        line(image, p[a], p[b], base, max(0.1 * thick, 0.4))
    for a, b in ((1, 5), (2, 6), (5, 4), (6, 7)):
        line(image, p[a], p[b], (220, 220, 220), max(0.03 * thick, 0.3))
    red: Colour = (30, 25, int(rng.integers(150, 235)))
    for a, b in ((0, 1), (1, 2), (2, 3)):
        line(image, p[a], p[b], red, max(0.07 * thick, 0.5))


def bench(
    image: ImageArray,
    cams: Cameras,
    i: int,
    field: Field,
    side: int,
    dress: tuple[Kit, Kit],
    rng: np.random.Generator,
) -> None:
    """Draw players and coaches behind the boards of one side (-1 near, 1 far): chests and heads."""
    h, w = image.shape[:2]
    y = side * (field.width_m / 2 + 0.7)
    for team, sign in zip(dress, rng.permutation([-1.0, 1.0]), strict=True):
        start, n = rng.uniform(1.5, 5), int(rng.integers(5, 16))
        x = sign * (start + 0.62 * np.arange(n)) + rng.normal(0, 0.1, n)
        top = rng.uniform(1.35, 1.9, n)
        feet, z = cams.project(i, np.c_[x, np.full(n, y), np.full(n, 1.0)], w, h)
        heads, _ = cams.project(i, np.c_[x, np.full(n, y), top], w, h)
        for k in np.flatnonzero((z > 1) & (np.abs(heads[:, 0] - w / 2) < w)):
            size = cams.focal[i, 0] * w / float(z[k])
            coat = team[0] if rng.random() < 0.85 else (30, 30, 30)
            line(image, feet[k], offset(heads[k], 0, 0.22 * size), coat, 0.42 * size)
            radius = max(8, int(0.13 * size * (1 << SHIFT)))
            disc(image, heads[k], radius, team[2] if rng.random() < 0.85 else (110, 140, 190))
