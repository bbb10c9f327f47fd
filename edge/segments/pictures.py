"""A programme's pictures as the network takes them, and what is measured of them directly."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.types import ImageArray

WIDTH, HEIGHT = 256, 144
"""Of the picture that the network sees: titles stay legible, and a frame costs 2-3 ms."""
THUMB = (32, 18)
"""(width, height) of the thumbnails that tell one shot from the next."""
MEASURES = 3


def reduced(image_rgb: ImageArray) -> ImageArray:
    """Squash an (h, w, 3) uint8 RGB picture to (144, 256, 3)."""
    return shrunk(image_rgb, (WIDTH, HEIGHT))


def as_input(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(k, h, w, 3) uint8 RGB -> (k, 3, h, w) float32 in -1..1."""
    planes = np.ascontiguousarray(pictures.transpose(0, 3, 1, 2))
    return np.asarray((planes.astype(np.float32) - 127.5) / 127.5, np.float32)


def measures(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(k, 144, 256, 3) uint8 RGB -> (k, 3): luma's mean and deviation (0..1), log sharpness."""
    made = np.empty((len(pictures), MEASURES), np.float32)
    for row, picture in zip(made, pictures, strict=True):
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        edges = cv2.Laplacian(grey, cv2.CV_32F)
        row[:] = grey.mean() / 255, grey.std() / 255, np.log(1e-2 + np.abs(edges).mean() / 255)
    return made


def thumbs(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(k, 144, 256, 3) uint8 RGB -> (k, 18, 32) uint8 grey thumbnails."""
    made = np.empty((len(pictures), THUMB[1], THUMB[0]), np.uint8)
    for row, picture in zip(made, pictures, strict=True):
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        row[:] = cv2.resize(grey, THUMB, interpolation=cv2.INTER_AREA)
    return made


def shrunk(picture: ImageArray, size: tuple[int, int]) -> ImageArray:
    """Squash a picture to (width, height)."""
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
