"""Letters and emblems that are painted on American football fields."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from models.registration.logos import Bgra

Array = NDArray[np.float64]


def name(rng: np.random.Generator) -> str:
    """Letters that spell nothing."""
    letters = np.array(list("ABCDEFGHIJKLMNOPQRSTUVWXYZEAIORSTN"))
    return "".join(rng.choice(letters, int(rng.integers(4, 12))))


def bold(
    rng: np.random.Generator,
    text: str,
    ink: tuple[int, int, int],
    edge: tuple[int, int, int] | None,
) -> Bgra:
    """Heavy letters with a border, cut close."""
    font, thick = int(rng.choice([0, 2, 3, 4])), int(rng.integers(10, 34))
    rim = int(rng.integers(8, 22)) if edge else 0
    (w, h), base = cv2.getTextSize(text, font, 4.0, thick)
    pad = thick + rim + 4
    image = np.zeros((h + base + 2 * pad, w + 2 * pad, 4), np.uint8)
    place = (pad, h + pad)
    if edge:
        cv2.putText(image, text, place, font, 4.0, (*edge, 255), thick + rim, cv2.LINE_AA)
    cv2.putText(image, text, place, font, 4.0, (*ink, 255), thick, cv2.LINE_AA)
    x, y, w, h = cv2.boundingRect(image[..., 3])
    return image[y : y + h, x : x + w]


def emblem(rng: np.random.Generator, inks: list[Array]) -> Bgra:
    """A smooth figure with a border and details, as mascots' heads and big letters are."""
    n = 320
    image = np.zeros((n, n, 4), np.uint8)
    if rng.random() < 0.3:
        text = name(rng)[: int(rng.integers(1, 3))]
        return bold(rng, text, triple(inks[0]), triple(inks[1]))
    angle = np.linspace(0, 2 * np.pi, 90, endpoint=False)

    def outline(mean: float, rough: float) -> Array:
        radius = np.full(90, float(mean))
        for k in range(2, 8):
            radius += rng.normal(0, rough * mean / k) * np.cos(k * angle + rng.uniform(0, 7))
        return np.stack([np.cos(angle), np.sin(angle)], 1) * radius[:, None]

    body = outline(105, 0.45) + n / 2
    cv2.polylines(image, [body.astype(np.int32)], True, (*triple(inks[1]), 255), 16, cv2.LINE_AA)
    cv2.fillPoly(image, [body.astype(np.int32)], (*triple(inks[0]), 255), cv2.LINE_AA)
    for _ in range(int(rng.integers(1, 7))):
        part = outline(rng.uniform(12, 60), 0.5) * rng.uniform(0.4, 1.4, 2)
        part = part + n / 2 + rng.normal(0, 35, 2)
        ink = (*triple(inks[int(rng.integers(len(inks)))]), 255)
        cv2.fillPoly(image, [part.astype(np.int32)], ink, cv2.LINE_AA)
    x, y, w, h = cv2.boundingRect(image[..., 3])
    return image[y : y + h, x : x + w]


def triple(colour: Array | NDArray[np.int64]) -> tuple[int, int, int]:
    """A (3,) colour as OpenCV takes it."""
    b, g, r = (int(np.clip(c, 0, 255)) for c in colour)
    return b, g, r
