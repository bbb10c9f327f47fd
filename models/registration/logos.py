"""Logos, words and numbers for floors: random (h, w, 4) BGRA pictures."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from models.registration.strokes import random_colour

Bgra = NDArray[np.uint8]
FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
)


def word(
    rng: np.random.Generator,
    text: str | None = None,
    colour: tuple[int, int, int] | None = None,
    *,
    outline: tuple[int, int, int] | None = None,
) -> Bgra:
    """A word in one of OpenCV's fonts, cut close; random letters and colours where not given."""
    if text is None:
        letters = rng.choice(np.arange(65, 91), int(rng.integers(3, 11)))
        text = "".join(chr(int(c)) for c in letters)
    ink = colour or random_colour(rng)
    font, scale = int(rng.choice(FONTS)), 4.0
    thick = int(rng.integers(6, 22))
    (w, h), base = cv2.getTextSize(text, font, scale, thick)
    pad = thick + 8
    image = np.zeros((h + base + 2 * pad, w + 2 * pad, 4), np.uint8)
    place = (pad, h + pad)
    if outline is not None:
        cv2.putText(image, text, place, font, scale, (*outline, 255), thick + 14, cv2.LINE_AA)
    cv2.putText(image, text, place, font, scale, (*ink, 255), thick, cv2.LINE_AA)
    return _cut(image)


def logo(rng: np.random.Generator) -> Bgra:
    """An emblem: a disc, shield, ring or blob with shapes and letters in it."""
    n = 256
    image = np.zeros((n, n, 4), np.uint8)
    c = n // 2
    palette = [(*random_colour(rng), 255) for _ in range(4)]
    kind = int(rng.integers(4))
    if kind == 0:
        cv2.circle(image, (c, c), 124, palette[0], -1, cv2.LINE_AA)
        cv2.circle(image, (c, c), int(rng.integers(70, 116)), palette[1], -1, cv2.LINE_AA)
    elif kind == 1:
        cv2.ellipse(
            image, (c, c), (126, int(rng.integers(60, 126))), 0, 0, 360, palette[0], -1, cv2.LINE_AA
        )
    elif kind == 2:
        cv2.circle(image, (c, c), 118, palette[0], int(rng.integers(4, 30)), cv2.LINE_AA)
    for _ in range(int(rng.integers(1, 6))):
        corners = int(rng.integers(3, 9))
        angle = np.sort(rng.uniform(0, 2 * np.pi, corners))
        radius = rng.uniform(20, 110, corners)
        middle = rng.uniform(90, 166, 2)
        points = np.stack([np.cos(angle), np.sin(angle)], 1) * radius[:, None] + middle
        cv2.fillPoly(image, [points.astype(np.int32)], palette[int(rng.integers(4))], cv2.LINE_AA)
    if rng.random() < 0.6:
        text = "".join(chr(int(v)) for v in rng.integers(65, 91, int(rng.integers(1, 8))))
        scale = min(5.0, 9.0 / len(text))
        (w, h), _ = cv2.getTextSize(text, 1, scale, 8)
        place = (max(0, c - w // 2), c + h // 2 + int(rng.integers(-60, 60)))
        cv2.putText(
            image, text, place, int(rng.choice(FONTS[:4])), scale * 0.6, palette[3], 10, cv2.LINE_AA
        )
    return image


def _cut(image: Bgra) -> Bgra:
    """Without its empty border."""
    x, y, w, h = cv2.boundingRect(image[..., 3])
    return image[y : y + h, x : x + w]
