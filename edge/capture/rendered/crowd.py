"""Stands full of people, and the boards before them, as textures."""

# ruff: noqa: RUF005 - these are sums of vectors, not of sequences

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.capture.rendered.people import Bgr, rounded
from edge.types import ImageArray

_SKINS: tuple[Bgr, ...] = (
    (150, 180, 225),
    (120, 155, 205),
    (85, 115, 165),
    (60, 80, 120),
    (40, 55, 85),
)
_CLOTHES: tuple[Bgr, ...] = (
    (30, 30, 34), (70, 66, 62), (120, 116, 110), (205, 205, 208), (140, 80, 40), (60, 50, 120), (60,
    95, 60),
)  # fmt: skip
_SEAT_M, _ROW_M = 0.52, 0.78
_FREE, _NEUTRAL, _HOME, _AWAY = range(4)
"""Who sits in a seat: nobody, anybody, a supporter of the first team, of the second."""
_VARIANTS = 24
_NAMES = (
    "NORTHGATE",
    "KESTREL",
    "HALDEN & CO",
    "AURIGA",
    "PELICAN TEA",
    "VELOSPAN",
    "MARROW",
    "TIDEWATER",
)


def stand_texture(
    length_m: float, depth_m: float, px_per_m: float, teams: Sequence[Bgr], rng: np.random.Generator
) -> ImageArray:
    """Draw a stand seen square on, (height, width, 3) uint8 BGR: seats, people, stairs.

    A few dozen different seats are drawn, and tiled at random to tens of thousands.
    """
    rows, places = max(1, round(depth_m / _ROW_M)), max(1, round(length_m / _SEAT_M))
    tile = (max(3, round(_SEAT_M * px_per_m)), max(4, round(_ROW_M * px_per_m)))
    seats = np.stack([_seats(tile, teams, group, rng) for group in range(4)])
    away = rng.random((rows, places)) < 0.5 + 0.5 * _support(places, rng)[None]
    group = np.where(rng.random((rows, places)) < 0.42, _HOME + away, _NEUTRAL)
    group[_free_seats(rows, places, rng)] = _FREE
    variant = rng.integers(0, _VARIANTS, (rows, places))
    picture = seats[group, variant].swapaxes(1, 2).reshape(rows * tile[1], places * tile[0], 3)
    light = np.linspace(0.4, 0.8, len(picture), dtype=np.float32)  # the roof shades the back rows
    return np.asarray(picture * light[:, None, None], np.uint8)


def _seats(
    tile: tuple[int, int], teams: Sequence[Bgr], group: int, rng: np.random.Generator
) -> ImageArray:
    """Draw the variants of one seat, (n, height, width, 3), free or with somebody in it."""
    width, height = tile
    shell = (np.array(teams[0]) * 0.45 + 22).astype(np.uint8)
    pictures = np.empty((_VARIANTS, height, width, 3), np.uint8)
    for picture in pictures:
        picture[:] = shell
        picture[: max(1, height // 5)] = (88, 86, 84)  # the step's edge
        if group != _FREE:
            _spectator(picture, _shirt(teams, group, rng), rng)
    return pictures


def board_texture(length_m: float, px_per_m: float, rng: np.random.Generator) -> ImageArray:
    """Advertising boards in a row, one metre high, (height, width, 3) uint8 BGR."""
    width, height = int(length_m * px_per_m), int(px_per_m)
    picture = np.zeros((height, width, 3), np.uint8)
    left = 0
    while left < width:
        right = left + int(rng.uniform(5, 9) * px_per_m)
        ground, ink = _board_colours(rng)
        picture[:, left:right] = ground
        name = str(rng.choice(_NAMES))
        scale = height / 36
        thick = max(1, round(scale * 2))
        (text_px, tall), _ = cv2.getTextSize(name, cv2.FONT_HERSHEY_DUPLEX, scale, thick)
        for x in range(left + height // 2, right - text_px, text_px + height):
            at = (x, (height + tall) // 2)
            cv2.putText(picture, name, at, cv2.FONT_HERSHEY_DUPLEX, scale, ink, thick, cv2.LINE_AA)
        left = right
    picture[: max(1, height // 16)] = (40, 40, 40)
    return picture


def _board_colours(rng: np.random.Generator) -> tuple[Bgr, Bgr]:
    grounds: tuple[Bgr, ...] = (
        (225, 225, 228),
        (140, 60, 20),
        (30, 30, 160),
        (40, 40, 44),
        (90, 130, 30),
        (30, 170, 225),
    )
    ground = grounds[int(rng.integers(len(grounds)))]
    return ground, (40, 40, 40) if sum(ground) > 380 else (235, 235, 235)


def _free_seats(rows: int, places: int, rng: np.random.Generator) -> np.ndarray:
    """Which seats have nobody: stairs every 14 m, a gangway across, exits, and some at random."""
    free = rng.random((rows, places)) < rng.uniform(0.05, 0.16)
    every = int(14 / _SEAT_M)
    for place in range(every // 2, places, every):
        free[:, place : place + 2] = True
    if rows > 16:
        free[rows // 2] = True
        for place in range(every, places, 2 * every):
            free[rows // 2 - 3 : rows // 2, place : place + 5] = True
    return free


def _support(places: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Which team's supporters sit where: -1 .. 1 along the stand."""
    turn = rng.uniform(0.25, 0.75) * places
    support: NDArray[np.float64] = np.tanh((np.arange(places) - turn) / (0.04 * places))
    return support


def _shirt(teams: Sequence[Bgr], group: int, rng: np.random.Generator) -> Bgr:
    """Choose what a supporter of the first or second team, or anybody, wears."""
    colours = {_HOME: teams[0], _AWAY: teams[1]}
    base = colours.get(group) or _CLOTHES[int(rng.integers(len(_CLOTHES)))]
    light = rng.uniform(0.65, 1.1)
    blue, green, red = (int(min(255, c * light)) for c in base)
    return blue, green, red


def _spectator(picture: ImageArray, shirt: Bgr, rng: np.random.Generator) -> None:
    """Draw one person into the (height, width, 3) picture of a seat.

    Taller than people are: a stand is seen at a flat angle, those who sit in it are not.
    """
    height, width = picture.shape[:2]
    x = round(width * rng.uniform(0.42, 0.58))
    y = round(height * rng.uniform(0.78, 0.9))
    body = (max(1, round(0.36 * width)), max(1, round(0.4 * height)))
    cv2.ellipse(picture, (x, y), body, 0, 0, 360, shirt, -1, cv2.LINE_AA)
    skin = _SKINS[int(rng.integers(len(_SKINS)))]
    head = (x, y - round(0.5 * height))
    face = (max(1, round(0.18 * width)), max(1, round(0.17 * height)))
    cv2.ellipse(picture, head, face, 0, 0, 360, skin, -1, cv2.LINE_AA)
    if rng.random() < 0.6:
        hair = (head[0], head[1] - max(1, round(0.1 * height)))
        cv2.circle(picture, hair, max(1, round(0.16 * width)), (25, 30, 38), -1, cv2.LINE_AA)


def crowd_rows(
    width: int, teams: Sequence[Bgr], rng: np.random.Generator
) -> list[tuple[ImageArray, ImageArray]]:
    """Rows of supporters as a close shot of a stand shows them: pictures and masks, back row first.

    Each is ((h, width, 3), (h, width)) uint8; the mask is 255 where the row hides what is behind
    it.
    """
    rows: list[tuple[ImageArray, ImageArray]] = []
    for row in range(7):
        seat = width / (17 - 1.2 * row)
        tall = int(seat * 3.4)
        picture = np.zeros((tall, width, 3), np.uint8)
        mask = np.zeros((tall, width), np.uint8)
        for place in np.arange(-0.5, width / seat + 0.5):
            x = (place + 0.5 * (row % 2) + rng.uniform(-0.18, 0.18)) * seat
            if rng.random() < 0.94:
                _supporter(
                    picture,
                    mask,
                    x,
                    seat,
                    _shirt(teams, int(rng.choice((_NEUTRAL, _HOME))), rng),
                    rng,
                )
        rows.append((rounded(picture, mask, 0.16 * seat), mask))
    return rows


def _supporter(
    picture: ImageArray,
    mask: ImageArray,
    x: float,
    seat: float,
    shirt: Bgr,
    rng: np.random.Generator,
) -> None:
    """One person from the waist up, for a picture in which a seat is `seat` pixels wide."""
    skin = _SKINS[int(rng.integers(len(_SKINS)))]
    bottom = picture.shape[0]
    head = np.array([x, bottom - 2.4 * seat + rng.uniform(-0.1, 0.1) * seat])
    shoulder = head + (0, 0.42 * seat)

    torso = np.array(
        [
            shoulder + (-0.38 * seat, 0.16 * seat),
            shoulder + (-0.2 * seat, 0),
            shoulder + (0.2 * seat, 0),
        ]
        + [
            shoulder + (0.38 * seat, 0.16 * seat),
            (x + 0.34 * seat, bottom),
            (x - 0.34 * seat, bottom),
        ]
    )
    _fill(picture, mask, torso, shirt)
    shade = tuple(int(0.8 * c) for c in shirt)
    _fill(
        picture,
        mask,
        torso[[3, 4, 5]] * (0.35, 1) + (0.65 * (x + 0.34 * seat), 0),
        (shade[0], shade[1], shade[2]),
    )
    if rng.random() < 0.3:
        for side in (-1, 1):
            hand = head + (side * rng.uniform(0.35, 0.6) * seat, -rng.uniform(0.2, 0.5) * seat)
            _limb(
                picture, mask, shoulder + (side * 0.32 * seat, 0.1 * seat), hand, 0.13 * seat, skin
            )
    _limb(picture, mask, shoulder + (0, 0.05 * seat), head, 0.2 * seat, skin)
    _disc(picture, mask, head, (0.18 * seat, 0.23 * seat), skin)
    if rng.random() < 0.8:
        hair = ((24, 28, 34), (40, 60, 90), (90, 120, 160), (120, 120, 125))[int(rng.integers(4))]
        _disc(picture, mask, head - (0, 0.11 * seat), (0.2 * seat, 0.17 * seat), hair)


def _fill(picture: ImageArray, mask: ImageArray, polygon: np.ndarray, colour: Bgr) -> None:
    fixed = np.rint(polygon * 16).astype(np.int32)
    cv2.fillPoly(picture, [fixed], colour, cv2.LINE_AA, 4)
    cv2.fillPoly(mask, [fixed], 255, cv2.LINE_8, 4)


def _limb(
    picture: ImageArray, mask: ImageArray, a: np.ndarray, b: np.ndarray, thick: float, colour: Bgr
) -> None:
    start, end = (
        tuple(np.rint(a * 16).astype(int).tolist()),
        tuple(np.rint(b * 16).astype(int).tolist()),
    )
    cv2.line(picture, start, end, colour, max(1, round(thick)), cv2.LINE_AA, 4)
    cv2.line(mask, start, end, 255, max(1, round(thick)), cv2.LINE_8, 4)


def _disc(
    picture: ImageArray, mask: ImageArray, at: np.ndarray, size: tuple[float, float], colour: Bgr
) -> None:
    centre = (round(float(at[0])), round(float(at[1])))
    axes = (max(1, round(size[0])), max(1, round(size[1])))
    cv2.ellipse(picture, centre, axes, 0, 0, 360, colour, -1, cv2.LINE_AA)
    cv2.ellipse(mask, centre, axes, 0, 0, 360, 255, -1, cv2.LINE_8)
