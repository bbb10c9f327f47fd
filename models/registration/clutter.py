"""What stands on and around a pitch, and what television lays over it, drawn picture by picture with OpenCV."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from models.registration.cameras import Array, Cameras

Picture = NDArray[np.uint8]
Colour = tuple[int, int, int]
SHIFT = 4
"""Sub-pixel bits of OpenCV's drawing coordinates."""


def fixed(points: Array) -> NDArray[np.int32]:
    """Pixels to OpenCV's fixed-point coordinates."""
    return np.clip(np.round(points * (1 << SHIFT)), -(2**24), 2**24).astype(np.int32)


def line(image: Picture, a: Array, b: Array, colour: Colour, thickness: float) -> None:
    """A segment; thinner than a pixel, it is blended by its coverage."""
    x0, y0, x1, y1 = (float(a[0]), float(a[1]), float(b[0]), float(b[1]))
    if thickness < 0.85:
        h, w = image.shape[:2]
        left, right = max(int(min(x0, x1)) - 1, 0), min(int(max(x0, x1)) + 3, w)
        top, bottom = max(int(min(y0, y1)) - 1, 0), min(int(max(y0, y1)) + 3, h)
        if left >= right or top >= bottom:
            return
        part = image[top:bottom, left:right]
        layer = part.copy()
        cv2.line(
            layer,
            _fixed(x0 - left, y0 - top),
            _fixed(x1 - left, y1 - top),
            colour,
            1,
            cv2.LINE_AA,
            SHIFT,
        )
        part[:] = cv2.addWeighted(layer, thickness, part, 1 - thickness, 0)
        return
    cv2.line(
        image, _fixed(x0, y0), _fixed(x1, y1), colour, max(1, round(thickness)), cv2.LINE_AA, SHIFT
    )


def _fixed(x: float, y: float) -> tuple[int, int]:
    limit = 1 << 20
    return (int(max(-limit, min(limit, x * 16))), int(max(-limit, min(limit, y * 16))))


def random_colour(rng: np.random.Generator) -> Colour:
    """Any colour, saturated ones and black and white more often than not."""
    if rng.random() < 0.3:
        v = int(rng.choice([15, 30, 235, 250]))
        return (v, v, v)
    c = rng.integers(0, 256, 3)
    if rng.random() < 0.5:
        c[rng.integers(3)] //= 4
    return (int(c[0]), int(c[1]), int(c[2]))


def person(
    image: Picture, foot: Array, height: float, rng: np.random.Generator, kit: tuple[Colour, ...]
) -> None:
    """One person, `height` pixels tall, standing at `foot` (x, y)."""
    shirt, shorts, skin, socks = kit
    h = height
    x, y = foot
    if h < 9:  # a few pixels: legs, trunk and head are strokes
        for low, high, colour, t in (
            (0.0, 0.3, socks, 0.13),
            (0.3, 0.5, shorts, 0.2),
            (0.5, 0.85, shirt, 0.24),
            (0.86, 0.97, skin, 0.13),
        ):
            line(image, np.array([x, y - low * h]), np.array([x, y - high * h]), colour, t * h)
        return
    lean = rng.normal(0, 0.05) * h
    stride = abs(rng.normal(0, 0.13)) * h
    hip = np.array([x + lean * 0.4, y - 0.48 * h])
    neck = np.array([x + lean, y - 0.83 * h])
    thick = 0.085 * h
    for side in (-1, 1):
        end = np.array([x + side * stride, y - rng.uniform(0, 0.06) * h])
        knee = (hip + end) / 2 + [rng.normal(0, 0.04) * h, 0]
        line(image, hip, knee, shorts if rng.random() < 0.8 else skin, thick)
        line(image, knee, end, socks, thick * 0.8)
        hand = neck + [side * rng.uniform(0.08, 0.25) * h, rng.uniform(0.12, 0.36) * h]
        line(
            image,
            neck + [side * 0.08 * h, 0.02 * h],
            hand,
            skin if rng.random() < 0.6 else shirt,
            thick * 0.65,
        )
    width = 0.115 * h
    torso = np.stack(
        [neck + [-width, 0], neck + [width, 0], hip + [width * 0.8, 0], hip + [-width * 0.8, 0]]
    )
    cv2.fillConvexPoly(image, fixed(torso), shirt, cv2.LINE_AA, SHIFT)
    pelvis = np.stack(
        [
            hip + [-width * 0.85, -0.03 * h],
            hip + [width * 0.85, -0.03 * h],
            hip + [width, 0.14 * h],
            hip + [-width, 0.14 * h],
        ]
    )
    cv2.fillConvexPoly(image, fixed(pelvis), shorts, cv2.LINE_AA, SHIFT)
    head = neck - [0, 0.085 * h]
    cv2.circle(
        image,
        tuple(map(int, fixed(head))),
        max(8, int(0.068 * h * (1 << SHIFT))),
        skin,
        -1,
        cv2.LINE_AA,
        SHIFT,
    )


SKINS: tuple[Colour, ...] = ((140, 170, 215), (110, 140, 190), (70, 95, 140), (40, 55, 85))


def kits(rng: np.random.Generator) -> list[tuple[Colour, ...]]:
    """Two teams, two goalkeepers, an official, and one who wears anything."""
    out = []
    for _ in range(6):
        shirt = random_colour(rng)
        shorts = shirt if rng.random() < 0.4 else random_colour(rng)
        out.append(
            (
                shirt,
                shorts,
                SKINS[rng.integers(4)],
                shirt if rng.random() < 0.4 else random_colour(rng),
            )
        )
    return out


def players(
    image: Picture,
    cams: Cameras,
    i: int,
    field_m: tuple[float, float],
    rng: np.random.Generator,
    shadow: float,
) -> None:
    """Players, officials and people on the touchline, far ones first, with their shadows."""
    h, w = image.shape[:2]
    n = int(rng.integers(6, 30))
    lx, ly = field_m[0] / 2, field_m[1] / 2
    xy = rng.uniform(-1, 1, (n, 2)) * [lx, ly]
    if rng.random() < 0.5:  # play is bunched around the ball
        ball = rng.uniform(-1, 1, 2) * [lx, ly]
        near = rng.random(n) < 0.6
        xy[near] = ball + rng.normal(0, 8, (int(near.sum()), 2))
    lines_people = int(rng.integers(0, 14))
    side = rng.choice([-1, 1], lines_people)
    xy = np.r_[
        xy,
        np.c_[rng.uniform(-lx, lx, lines_people), side * (ly + rng.uniform(0.5, 6, lines_people))],
    ]
    order = np.argsort(-xy[:, 1])
    xy = xy[order]
    tall = rng.uniform(1.65, 1.95, len(xy))
    ground = np.c_[xy, np.zeros(len(xy))]
    foot, z = cams.project(i, ground, w, h)
    head, _ = cams.project(i, ground + np.c_[np.zeros((len(xy), 2)), tall], w, h)
    sun = rng.normal(0, 1, 2) * 1.2
    tip, _ = cams.project(i, np.c_[xy + sun * tall[:, None], np.zeros(len(xy))], w, h)
    size = foot[:, 1] - head[:, 1]
    seen = (
        (z > 1)
        & (foot[:, 0] > -20)
        & (foot[:, 0] < w + 20)
        & (head[:, 1] < h)
        & (foot[:, 1] > 0)
        & (size > 2)
        & (size < 1.2 * h)
    )
    team = kits(rng)
    if shadow > 0:
        dark = np.zeros((h, w), np.uint8)
        for k in np.flatnonzero(seen):
            p, q = fixed(np.stack([foot[k], tip[k]]))
            cv2.line(
                dark,
                tuple(map(int, p)),
                tuple(map(int, q)),
                255,
                max(1, int(size[k] * 0.14)),
                cv2.LINE_AA,
                SHIFT,
            )
        image[:] = (
            cv2.multiply(image, cv2.merge([dark] * 3), scale=-shadow / 255, dtype=cv2.CV_16S)
            .astype(np.int16)
            .__add__(image)
            .clip(0, 255)
            .astype(np.uint8)
        )
    for k in np.flatnonzero(seen):
        who = int(rng.choice(6, p=[0.4, 0.4, 0.04, 0.04, 0.06, 0.06]))
        person(image, foot[k], size[k], rng, team[who])
    if rng.random() < 0.7:
        ball, zb = cams.project(
            i,
            np.array([[*xy[rng.integers(len(xy))], 0.11]]) + rng.normal(0, 1, (1, 3)) * [2, 2, 0],
            w,
            h,
        )
        r = 0.11 * cams.focal[i, 0] * w / max(zb[0], 1)
        if zb[0] > 1 and r < 30:
            cv2.circle(
                image,
                tuple(map(int, fixed(ball[0]))),
                max(6, int(r * (1 << SHIFT))),
                (240, 240, 240),
                -1,
                cv2.LINE_AA,
                SHIFT,
            )


def goal(
    image: Picture, cams: Cameras, i: int, length_m: float, sign: int, rng: np.random.Generator
) -> None:
    """A soccer goal: posts, crossbar, net (Law 1: 7.32 x 2.44 m)."""
    h, w = image.shape[:2]
    x, y, z, deep = sign * length_m / 2, 3.66, 2.44, rng.uniform(0.9, 2.6)
    back_z = rng.uniform(0.5, 1.0) * z
    corners = np.array([[x, -y, 0], [x, -y, z], [x, y, z], [x, y, 0]])
    back = np.array(
        [
            [x + sign * deep, -y, 0],
            [x + sign * deep * 0.8, -y, back_z],
            [x + sign * deep * 0.8, y, back_z],
            [x + sign * deep, y, 0],
        ]
    )
    p, d = cams.project(i, np.r_[corners, back], w, h)
    if (d < 1).any() or (np.abs(p) > 8 * w).any():
        return
    layer = image.copy()
    tint = tuple(int(v) for v in rng.integers(150, 255, 3))
    for quad in ((4, 5, 6, 7), (0, 1, 5, 4), (3, 2, 6, 7), (1, 2, 6, 5)):
        cv2.fillConvexPoly(layer, fixed(p[list(quad)]), tint, cv2.LINE_AA, SHIFT)
    alpha = rng.uniform(0.05, 0.35)
    cv2.addWeighted(layer, alpha, image, 1 - alpha, 0, image)
    for k in range(0, 11, 2):
        t = k / 10
        for a, b in ((5, 6), (4, 7)):
            q = p[a] * (1 - t) + p[b] * t
            line(
                image,
                q,
                p[1] * (1 - t) + p[2] * t if a == 5 else p[5] * (1 - t) + p[6] * t,
                tint,
                0.3,
            )
    thick = 0.12 * cams.focal[i, 0] * w / max(float(d[:4].mean()), 1)
    for a, b in ((0, 1), (1, 2), (2, 3)):
        line(image, p[a], p[b], (235, 235, 235), max(thick, 0.5))
    if rng.random() < 0.5:
        for a, b in ((1, 5), (2, 6), (4, 7)):
            line(image, p[a], p[b], (220, 220, 220), max(thick * 0.6, 0.35))


def text(
    image: Picture, rng: np.random.Generator, x: int, y: int, scale: float, colour: Colour
) -> None:
    """A few random characters."""
    word = "".join(chr(int(c)) for c in rng.choice(np.r_[48:58, 65:91], int(rng.integers(2, 9))))
    cv2.putText(image, word, (x, y), int(rng.integers(0, 4)), scale, colour, 1, cv2.LINE_AA)


def graphics(image: Picture, rng: np.random.Generator) -> None:
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


def foreground(image: Picture, rng: np.random.Generator) -> None:
    """What stands between a low camera and the near touchline: heads, rails, posts, benches."""
    h, w = image.shape[:2]
    kind = rng.random()
    if kind < 0.45:
        base = rng.uniform(0.86, 1.0) * h
        for _ in range(int(rng.integers(1, 22))):
            size = rng.uniform(0.02, 0.14) * h
            person(
                image,
                np.array([rng.uniform(0, w), base + size * rng.uniform(0.3, 1.0)]),
                size,
                rng,
                kits(rng)[0],
            )
    elif kind < 0.7:
        y = rng.uniform(0.75, 0.99) * h
        for k in range(int(rng.integers(1, 4))):
            slope = rng.normal(0, 0.02) * h
            line(
                image,
                np.array([0, y + k * 0.03 * h]),
                np.array([w, y + slope + k * 0.03 * h]),
                random_colour(rng),
                rng.uniform(0.4, 3),
            )
    elif kind < 0.9:
        x = rng.uniform(0, w)
        line(
            image,
            np.array([x, h]),
            np.array([x + rng.normal(0, 5), rng.uniform(-0.2, 0.6) * h]),
            random_colour(rng),
            rng.uniform(1, 0.03 * w),
        )
    else:
        y = rng.uniform(0.82, 0.98) * h
        quad = np.array(
            [
                [-2, y + rng.normal(0, 0.05) * h],
                [w + 2, y + rng.normal(0, 0.05) * h],
                [w + 2, h + 2],
                [-2, h + 2],
            ]
        )
        cv2.fillConvexPoly(image, fixed(quad), random_colour(rng), cv2.LINE_AA, SHIFT)


def close_up(image: Picture, rng: np.random.Generator) -> None:
    """One to four people who fill the picture."""
    h, w = image.shape[:2]
    for _ in range(int(rng.integers(1, 5))):
        size = rng.uniform(0.7, 2.6) * h
        foot = np.array(
            [rng.uniform(0.05, 0.95) * w, h * rng.uniform(0.8, 1.0) + max(0.0, size - 0.8 * h)]
        )
        person(image, foot, size, rng, kits(rng)[0])
