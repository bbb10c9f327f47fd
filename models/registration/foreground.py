"""What stands around a pitch, and what television lays over the picture."""

from __future__ import annotations

import cv2
import numpy as np

from edge.types import ImageArray
from models.registration.cameras import Array, Cameras
from models.registration.people import heads
from models.registration.strokes import Colour, line, polygon, random_colour


def goal(
    image: ImageArray, cams: Cameras, i: int, length_m: float, sign: int, rng: np.random.Generator
) -> None:
    """Draw a soccer goal as camera i sees it: posts, crossbar, net (Law 1: 7.32 x 2.44 m).

    `sign` is the side of the field, -1 or 1, that it stands on.
    """
    h, w = image.shape[:2]
    p, d = cams.project(i, _goal_corners(sign * length_m / 2, sign, rng), w, h)
    if (d < 1).any() or (np.abs(p) > 8 * w).any():
        return
    _net(image, p, rng)
    thick = 0.12 * cams.focal[i, 0] * w / max(float(d[:4].mean()), 1)
    for a, b in ((0, 1), (1, 2), (2, 3)):
        line(image, p[a], p[b], (235, 235, 235), max(thick, 0.5))
    if rng.random() < 0.5:
        for a, b in ((1, 5), (2, 6), (4, 7)):
            line(image, p[a], p[b], (220, 220, 220), max(thick * 0.6, 0.35))


def _goal_corners(x: float, sign: int, rng: np.random.Generator) -> Array:
    """(8, 3) metres: the frame's corners from foot to foot, then those of the net's back."""
    y, z, deep = 3.66, 2.44, rng.uniform(0.9, 2.6)
    back_z = rng.uniform(0.5, 1.0) * z
    return np.array(
        [
            [x, -y, 0],
            [x, -y, z],
            [x, y, z],
            [x, y, 0],
            [x + sign * deep, -y, 0],
            [x + sign * deep * 0.8, -y, back_z],
            [x + sign * deep * 0.8, y, back_z],
            [x + sign * deep, y, 0],
        ]
    )


def _net(image: ImageArray, p: Array, rng: np.random.Generator) -> None:
    """Hang a half transparent net between the (8, 2) corners."""
    layer = image.copy()
    b, g, r = (int(v) for v in rng.integers(150, 255, 3))
    tint = (b, g, r)
    for quad in ((4, 5, 6, 7), (0, 1, 5, 4), (3, 2, 6, 7), (1, 2, 6, 5)):
        polygon(layer, p[list(quad)], tint)
    alpha = rng.uniform(0.05, 0.35)
    cv2.addWeighted(layer, alpha, image, 1 - alpha, 0, image)
    for k in range(0, 11, 2):
        t = k / 10
        bottom, top, front = (p[a] * (1 - t) + p[b] * t for a, b in ((4, 7), (5, 6), (1, 2)))
        line(image, top, front, tint, 0.3)
        line(image, bottom, top, tint, 0.3)


def text(
    image: ImageArray, rng: np.random.Generator, x: int, y: int, scale: float, colour: Colour
) -> None:
    """A few random characters."""
    word = "".join(chr(int(c)) for c in rng.choice(np.r_[48:58, 65:91], int(rng.integers(2, 9))))
    cv2.putText(image, word, (x, y), int(rng.integers(0, 4)), scale, colour, 1, cv2.LINE_AA)


def graphics(image: ImageArray, rng: np.random.Generator) -> None:
    """Score bug, channel mark, lower third, advertising on the side: opaque or half transparent."""
    h, w = image.shape[:2]
    s = w / 320
    layer = image.copy()
    if rng.random() < 0.75:
        x, y = int(rng.uniform(0.02, 0.55) * w), int(rng.uniform(0.02, 0.14) * h)
        if rng.random() < 0.12:
            y = int(rng.uniform(0.8, 0.93) * h)
        for _ in range(int(rng.integers(1, 5))):
            bw, bh = int(rng.uniform(12, 46) * s), int(rng.uniform(6, 14) * s)
            cv2.rectangle(layer, (x, y), (x + bw, y + bh), random_colour(rng), -1)
            text(layer, rng, x + 1, y + bh - 2, 0.3 * s, random_colour(rng))
            x += bw
    if rng.random() < 0.5:
        x, y = int(rng.choice([0.03, 0.8]) * w), int(rng.choice([0.08, 0.93]) * h)
        text(layer, rng, x, y, rng.uniform(0.25, 0.6) * s, random_colour(rng))
    if rng.random() < 0.15:
        x0, y0 = int(rng.uniform(0, 0.4) * w), int(rng.uniform(0.7, 0.9) * h)
        x1, y1 = int(x0 + rng.uniform(0.2, 0.6) * w), int(y0 + rng.uniform(0.06, 0.2) * h)
        cv2.rectangle(layer, (x0, y0), (x1, y1), random_colour(rng), -1)
        text(layer, rng, x0 + 4, y1 - 3, 0.45 * s, random_colour(rng))
    if rng.random() < 0.06:  # a mark on the picture, as editors and pirates leave them
        c = (int(rng.uniform(0, w)), int(rng.uniform(0, h)))
        cv2.circle(layer, c, int(rng.uniform(2, 12) * s), random_colour(rng), -1, cv2.LINE_AA)
    alpha = 1.0 if rng.random() < 0.6 else rng.uniform(0.4, 1.0)
    cv2.addWeighted(layer, alpha, image, 1 - alpha, 0, image)


def foreground(image: ImageArray, rng: np.random.Generator) -> None:
    """Draw what stands between a low camera and the field: heads, rails, a post, a wall."""
    kind = rng.random()
    if kind < 0.45:
        heads(image, rng)
    elif kind < 0.7:
        _rails(image, rng)
    elif kind < 0.9:
        _post(image, rng)
    else:
        _wall(image, rng)


def _rails(image: ImageArray, rng: np.random.Generator) -> None:
    h, w = image.shape[:2]
    y = rng.uniform(0.75, 0.99) * h
    for k in range(int(rng.integers(1, 4))):
        slope = rng.normal(0, 0.02) * h
        start, end = np.array([0, y + k * 0.03 * h]), np.array([w, y + slope + k * 0.03 * h])
        line(image, start, end, random_colour(rng), rng.uniform(0.4, 3))


def _post(image: ImageArray, rng: np.random.Generator) -> None:
    h, w = image.shape[:2]
    x = rng.uniform(0, w)
    top = np.array([x + rng.normal(0, 5), rng.uniform(-0.2, 0.6) * h])
    line(image, np.array([x, h]), top, random_colour(rng), rng.uniform(1, 0.03 * w))


def _wall(image: ImageArray, rng: np.random.Generator) -> None:
    h, w = image.shape[:2]
    y = rng.uniform(0.82, 0.98) * h
    left, right = y + rng.normal(0, 0.05) * h, y + rng.normal(0, 0.05) * h
    corners = np.array([[-2, left], [w + 2, right], [w + 2, h + 2], [-2, h + 2]])
    polygon(image, corners, random_colour(rng))
