"""What stands on and around a basketball court: baskets, tables, rows of people, banners."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np

from edge.fields import Field
from edge.types import ImageArray
from models.registration import foreground
from models.registration.cameras import Array, Cameras
from models.registration.people import SKINS, Kit
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

BOARD_M = (1.8, 1.05)
"""FIBA Equipment: width and height of the backboard (NBA: 6 x 3.5 ft)."""
BOARD_BOTTOM_M = 2.9
RING_M = 3.05
RING_RADIUS_M = 0.225
RING_AHEAD_M = 0.375
"""From the board's face to below the ring's centre."""
_TRUNK = np.array(
    [[-0.24, 0.02], [0.24, 0.02], [0.27, -0.6], [0.12, -0.74], [-0.12, -0.74], [-0.27, -0.6]]
)
"""A seated person's outline about the seat, in shares of the height above it; y downwards."""


def dress(rng: np.random.Generator) -> list[Kit]:
    """Two teams of five and three officials, weighted so; shirts and shorts mostly alike."""
    out: list[Kit] = []
    teams = [random_colour(rng), random_colour(rng)]
    if rng.random() < 0.6:
        teams[0] = (240, 240, 240)
    for shirt in teams:
        shorts = shirt if rng.random() < 0.85 else random_colour(rng)
        for _ in range(5):
            skin = SKINS[int(rng.integers(4))]
            out.append((shirt, shorts, skin, skin if rng.random() < 0.7 else (235, 235, 235)))
    official: Colour = [(130, 130, 130), (40, 90, 220), (200, 200, 200)][int(rng.integers(3))]
    skins = [SKINS[int(rng.integers(4))] for _ in range(2)]
    return out + [(official, (25, 25, 25), skin, (20, 20, 20)) for skin in skins]


def suits(rng: np.random.Generator) -> list[Kit]:
    """Coaches and staff."""
    out: list[Kit] = []
    for _ in range(4):
        v = int(rng.integers(15, 90))
        coat: Colour = (v, v, v) if rng.random() < 0.7 else random_colour(rng)
        out.append((coat, coat, SKINS[int(rng.integers(4))], coat))
    return out


def basket(
    image: ImageArray, cams: Cameras, i: int, field: Field, sign: int, parts: Basket
) -> None:
    """Draw a basket as camera i sees it; `sign` is its end of the court."""
    face = float(field.marking("right no-charge line").points_m[0, 0])
    h, w = image.shape[:2]
    points = _basket_points(face, parts)
    p, z = cams.project(i, points * (sign, 1, 1), w, h)
    if (z < 1).any() or np.abs(p).max() > 6 * w:
        return
    pixel = cams.focal[i, 0] * w / float(z[:4].mean())
    board, arm, base, clock, ring, net = np.split(p, [4, 8, 16, 20, 36])
    _stanchion(image, arm, base, pixel, parts)
    layer = image.copy()
    polygon(layer, board, (215, 215, 215))
    cv2.addWeighted(layer, parts.glass, image, 1 - parts.glass, 0, image)
    for k in range(4):
        line(image, board[k], board[(k + 1) % 4], parts.frame, max(0.06 * pixel, 0.6))
    inner = board.mean(0) + (board - board.mean(0)) * (0.33, 0.43) + (board[0] - board[3]) * 0.1
    for k in range(4):
        line(image, inner[k], inner[(k + 1) % 4], parts.frame, max(0.05 * pixel, 0.35))
    if parts.clock:
        polygon(image, clock, (20, 20, 20))
        disc(image, clock.mean(0), max(6, int(0.12 * pixel * 16)), (40, 40, 230))
    thick = max(1, round(0.025 * pixel))
    mesh = np.stack([ring[::2], net[::2], np.roll(ring[::2], -1, 0), net[1::2]], 1)
    cv2.polylines(image, list(fixed(mesh)), False, (225, 225, 225), thick, cv2.LINE_AA, SHIFT)
    cv2.polylines(image, [fixed(ring)], True, (40, 80, 230), thick, cv2.LINE_AA, SHIFT)


class Basket:
    """How the baskets of one hall are made."""

    __slots__ = ("back_m", "base_m", "clock", "colour", "frame", "glass", "pad", "stands", "wide_m")

    def __init__(self, rng: np.random.Generator) -> None:
        self.stands = rng.random() < 0.82
        """On the floor, or hung from a wall or a roof."""
        self.back_m = float(rng.uniform(2.2, 4.5))
        self.base_m = float(rng.uniform(0.9, 2.2))
        self.wide_m = float(rng.uniform(0.3, 1.1))
        self.colour: Colour = random_colour(rng)
        self.pad: Colour = random_colour(rng)
        self.glass = float(rng.uniform(0.05, 0.3)) if rng.random() < 0.85 else 1.0
        self.frame: Colour = (245, 245, 245) if rng.random() < 0.85 else random_colour(rng)
        self.clock = rng.random() < 0.6


def _basket_points(face: float, parts: Basket) -> Array:
    """(52, 3) metres at the right end: board, arm, base, clock, ring, net."""
    half, low, high = BOARD_M[0] / 2, BOARD_BOTTOM_M, BOARD_BOTTOM_M + BOARD_M[1]
    board = [[face, -half, high], [face, half, high], [face, half, low], [face, -half, low]]
    back, top = face + parts.back_m, 2.6 if parts.stands else 4.5
    arm = [[face, 0, 3.2], [back, 0, top], [face, 0, 3.7], [back, 0, top - 0.5]]
    y, z = parts.wide_m / 2, parts.base_m
    front, rear = back - 0.5, back + 1.2
    feet = ((front, -y), (front, y), (rear, y), (rear, -y))
    base = [[x, across, up] for up in (0, z) for x, across in feet]
    clock = [[face, -0.4, high + 0.9], [face, 0.4, high + 0.9]]
    clock += [[face, 0.4, high + 0.25], [face, -0.4, high + 0.25]]
    angle = np.arange(16) * np.pi / 8
    circle = np.stack([np.cos(angle), np.sin(angle)], 1)
    ring = np.c_[circle * RING_RADIUS_M + [face - RING_AHEAD_M, 0], np.full(16, RING_M)]
    net = np.c_[circle * 0.15 + [face - RING_AHEAD_M, 0], np.full(16, RING_M - 0.42)]
    return np.concatenate([np.array(board + arm + base + clock), ring, net])


def _stanchion(image: ImageArray, arm: Array, base: Array, pixel: float, parts: Basket) -> None:
    """Base, mast and arms, or the arms alone."""
    if parts.stands:
        hull = cv2.convexHull(base.astype(np.float32))[:, 0].astype(float)
        polygon(image, hull, parts.pad)
        foot = (base[0] + base[1]) / 2
        line(image, foot, arm[3], parts.colour, max(0.28 * pixel, 0.8))
        line(image, arm[3], arm[1], parts.colour, max(0.25 * pixel, 0.8))
    line(image, arm[1], arm[0], parts.colour, max(0.16 * pixel, 0.6))
    line(image, arm[3], arm[2], parts.colour, max(0.1 * pixel, 0.5))


def rows(
    image: ImageArray, cams: Cameras, i: int, places_m: Array, rng: np.random.Generator
) -> None:
    """Draw seated people at (n, 3) seats, in that order: a trunk and a head each."""
    if not len(places_m):
        return
    h, w = image.shape[:2]
    seat, z = cams.project(i, places_m, w, h)
    head, _ = cams.project(i, places_m + np.array([0, 0, 0.85]), w, h)
    size = seat[:, 1] - head[:, 1]
    seen = (z > 1) & (head[:, 1] < h + 2) & (seat[:, 1] > 0) & (size < 0.5 * h)
    seen &= (seat[:, 0] > -0.05 * w) & (seat[:, 0] < 1.05 * w)
    cloth = rng.integers(10, 235, (len(z), 3)) * rng.uniform(0.3, 1.0)
    if rng.random() < 0.3:
        cloth = cloth * 0.35 + np.array(random_colour(rng)) * 0.65
    for k in np.flatnonzero(seen):
        b, g, r = (int(v) for v in cloth[k])
        s = float(size[k])
        polygon(image, seat[k] + _TRUNK * s, (b, g, r))
        skin = SKINS[int(rng.integers(4))] if rng.random() < 0.6 else (25, 30, 40)
        disc(image, offset(head[k], 0, 0.06 * s), max(7, int(0.14 * s * 16)), skin)


def table(image: ImageArray, cams: Cameras, i: int, field: Field, side: int, parts: Table) -> None:
    """Draw the scorers' table, full of advertising, along the sideline of y's sign `side`."""
    h, w = image.shape[:2]
    y = side * (field.width_m / 2 + parts.gap_m)
    x = np.linspace(-parts.long_m / 2, parts.long_m / 2, len(parts.panels) + 1) + parts.at_m
    top, z = cams.project(i, np.c_[x, np.full(len(x), y), np.full(len(x), 0.8)], w, h)
    low, _ = cams.project(i, np.c_[x, np.full(len(x), y), np.zeros(len(x))], w, h)
    if (z < 1).any() or np.abs(top).max() > 8 * w:
        return
    for k, (colour, ink) in enumerate(parts.panels):
        polygon(image, np.stack([top[k], top[k + 1], low[k + 1], low[k]]), colour)
        a, b = (top[k] + low[k]) / 2, (top[k + 1] + low[k + 1]) / 2
        thick = 0.35 * abs(float(low[k, 1] - top[k, 1]))
        line(image, a * 0.8 + b * 0.2, a * 0.2 + b * 0.8, ink, max(thick, 0.4))


class Table:
    """A table or a row of boards beside the court."""

    __slots__ = ("at_m", "gap_m", "long_m", "panels")

    def __init__(self, rng: np.random.Generator) -> None:
        self.long_m = float(rng.uniform(4, 26))
        self.at_m = float(rng.normal(0, 2))
        self.gap_m = float(rng.uniform(1.2, 3.0))
        count = max(2, int(self.long_m / rng.uniform(1.5, 4)))
        one = random_colour(rng) if rng.random() < 0.5 else None
        self.panels = [(one or random_colour(rng), random_colour(rng)) for _ in range(count)]


def banner(image: ImageArray, rng: np.random.Generator) -> None:
    """An opaque score banner over the lower part of the picture."""
    h, w = image.shape[:2]
    tall = rng.uniform(0.06, 0.15) * h
    bottom = h if rng.random() < 0.6 else h * rng.uniform(0.93, 1.0)
    left = 0.0 if rng.random() < 0.6 else rng.uniform(0.0, 0.2) * w
    right = w - left
    colour = random_colour(rng)
    top = bottom - tall
    cuts = np.sort(rng.uniform(left, right, int(rng.integers(1, 7))))
    edges = np.r_[left, cuts, right]
    for a, b in pairwise(edges):
        tint = colour if rng.random() < 0.6 else random_colour(rng)
        cv2.rectangle(image, (int(a), int(top)), (int(b), int(bottom)), tint, -1)
        if rng.random() < 0.8:
            place = (int(a) + 2, int(bottom - 0.25 * tall))
            size = 0.022 * tall * rng.uniform(0.6, 1.3)
            foreground.text(image, rng, *place, size, random_colour(rng))
