"""Procedural textures of a venue: noise, crowd, advertising boards; seeded and made once."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

TILE = 512
"""Side of a tile, pixels; tiles repeat."""


def fractal_noise(
    rng: np.random.Generator, octaves: int, *, roughness: float = 0.6
) -> NDArray[np.float32]:
    """(TILE, TILE) tileable noise, zero mean and unit deviation, in `octaves` octaves."""
    out = np.zeros((TILE, TILE), np.float32)
    for o in range(octaves):
        n = 4 << o
        cells = rng.normal(size=(n, n)).astype(np.float32)
        tiled = np.tile(cells, (3, 3))
        big = cv2.resize(tiled, (3 * TILE, 3 * TILE), interpolation=cv2.INTER_CUBIC)
        out += roughness**o * big[TILE : 2 * TILE, TILE : 2 * TILE]
    return (out - out.mean()) / out.std()


def crowd(rng: np.random.Generator) -> NDArray[np.uint8]:
    """(TILE, TILE, 3) BGR mosaic of people: a cell is a head or a shirt, in a few colours."""
    k = int(rng.integers(3, 7))
    palette = rng.integers(20, 236, (k, 3))
    if rng.random() < 0.5:
        palette = (palette * 0.5 + rng.integers(0, 236, 3) * 0.5).astype(int)
    image = palette[rng.integers(0, k, (TILE, TILE))].astype(float)
    image *= rng.uniform(0.35, 1.1, (TILE, TILE, 1))
    heads = rng.random((TILE, TILE)) < 0.25
    image[heads] = rng.uniform(0.4, 1.0) * np.array([120, 150, 190]) * rng.uniform(0.5, 1.2)
    seats = rng.random((TILE, TILE)) < rng.choice([0.0, 0.05, 0.3, 0.7])
    image[seats] = rng.integers(10, 200, 3)
    return np.clip(image, 0, 255).astype(np.uint8)


def backdrop(rng: np.random.Generator, noise: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(TILE, TILE, 3) BGR: trees, walls, containers, as they stand behind a small ground."""
    base = np.array(
        [[40, 70, 45], [90, 100, 110], [60, 60, 60], [50, 90, 60], [150, 140, 130]][rng.integers(5)]
    )
    image = base * (1 + rng.uniform(0.1, 0.45) * noise[..., None])
    if rng.random() < 0.5:
        for _ in range(int(rng.integers(3, 15))):
            x, y = rng.integers(0, TILE, 2)
            size = rng.integers(10, 120, 2)
            colour = rng.integers(0, 255, 3).tolist()
            cv2.rectangle(image, (int(x), int(y)), (int(x + size[0]), int(y + size[1])), colour, -1)
    return np.clip(image, 0, 255).astype(np.uint8)


def boards(rng: np.random.Generator) -> NDArray[np.uint8]:
    """(64, 4 * TILE, 3) BGR strip of advertising: panels with words and shapes, or one colour."""
    width = 4 * TILE
    strip = np.zeros((64, width, 3), np.uint8)
    one = rng.integers(0, 255, 3).tolist() if rng.random() < 0.35 else None
    x = 0
    while x < width:
        w = int(rng.integers(60, 360))
        colour = one or rng.integers(0, 255, 3).tolist()
        cv2.rectangle(strip, (x, 0), (x + w, 64), colour, -1)
        ink = (255 - np.array(colour)).tolist() if rng.random() < 0.7 else [255, 255, 255]
        if rng.random() < 0.85:
            word = "".join(chr(int(c)) for c in rng.integers(65, 91, int(rng.integers(3, 11))))
            scale = float(rng.uniform(0.7, 1.7))
            cv2.putText(
                strip,
                word,
                (x + 8, int(rng.integers(40, 58))),
                int(rng.integers(0, 5)),
                scale,
                ink,
                int(rng.integers(2, 5)),
            )
        else:
            cv2.circle(strip, (x + w // 2, 32), int(rng.integers(8, 28)), ink, -1)
        x += w
    return strip
