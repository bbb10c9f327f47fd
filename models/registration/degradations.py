"""The faults of camera and codec: light, lens, sensor, scaling, compression."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.types import ImageArray

NOISE_SIZE = (1000, 600)
"""Width and height of the sensor noise: no picture may be larger."""
_NOISE = np.random.default_rng(7).normal(0, 1, (*NOISE_SIZE[::-1], 1)).astype(np.float32)


def optics(image: ImageArray, rng: np.random.Generator) -> ImageArray:
    """Light, lens and sensor: exposure, colour, uneven light, blur or sharpening."""
    image = _exposure(image, rng)
    if rng.random() < 0.3:
        grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        mix = rng.uniform(0, 1.0) if rng.random() < 0.3 else rng.uniform(-0.4, 0.5)
        image = np.asarray(cv2.addWeighted(image, 1 - mix, grey, mix, 0), np.uint8)
    if rng.random() < 0.35:
        image = _uneven_light(image, rng)
    return _focus(image, rng)


def _exposure(image: ImageArray, rng: np.random.Generator) -> ImageArray:
    gain = np.exp(rng.normal(0.12, 0.22)) * rng.uniform(0.93, 1.07, 3)
    gamma = np.exp(rng.normal(0, 0.18))
    lift = rng.uniform(-8, 26) if rng.random() < 0.5 else 0.0
    ramp = np.arange(256) / 255.0
    lut = np.stack([np.clip((ramp**gamma) * g * (255 - lift) + lift, 0, 255) for g in gain], 1)
    return np.asarray(cv2.LUT(image, lut.astype(np.uint8).reshape(1, 256, 3)), np.uint8)


def _uneven_light(image: ImageArray, rng: np.random.Generator) -> ImageArray:
    """Vignette, a slope of brightness, and the bands of a shutter that rolls against the lamps."""
    h, w = image.shape[:2]
    across, down = np.linspace(-1, 1, w, dtype=np.float32), np.linspace(-1, 1, h, dtype=np.float32)
    u, v = np.meshgrid(across, down)
    light = 1 - rng.uniform(0, 0.4) * (u * u + v * v) / 2
    light = light + rng.uniform(-0.2, 0.2) * u
    light = light + rng.uniform(-0.2, 0.2) * v
    if rng.random() < 0.3:
        depth = rng.uniform(0, 0.12)
        light = light + depth * np.sin(v * rng.uniform(2, 12) + rng.uniform(0, 6))
    return np.clip(image * light[..., None], 0, 255).astype(np.uint8)


def _focus(image: ImageArray, rng: np.random.Generator) -> ImageArray:
    """Out of focus, blurred by the camera's motion, sharpened, or as it is."""
    kind = rng.random()
    if kind < 0.22:
        sigma = rng.uniform(0.35, 1.1) * image.shape[1] / 320
        return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8)
    if kind < 0.36:
        kernel = _streak(int(rng.integers(3, 10)), rng.normal(0, 0.35))
        return np.asarray(cv2.filter2D(image, -1, kernel / kernel.sum()), np.uint8)
    if kind < 0.62:
        blurred = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.6, 1.6))
        amount = rng.uniform(0.2, 1.4)
        return np.asarray(cv2.addWeighted(image, 1 + amount, blurred, -amount, 0), np.uint8)
    return image


def _streak(size: int, angle_rad: float) -> NDArray[np.float32]:
    """(size, size) kernel of a motion along one direction."""
    kernel = np.zeros((size, size), np.float32)
    c = (size - 1) / 2
    d = np.array([np.cos(angle_rad), np.sin(angle_rad)]) * c
    start, end = (round(c - d[0]), round(c - d[1])), (round(c + d[0]), round(c + d[1]))
    cv2.line(kernel, start, end, 1.0, 1)
    return kernel


def codec(image: ImageArray, rng: np.random.Generator) -> ImageArray:
    """Scaling, noise, compression, and sometimes black bars."""
    h, w = image.shape[:2]
    if rng.random() < 0.25:
        image = _rescaled(image, rng)
    if rng.random() < 0.4:
        y = rng.integers(0, max(1, NOISE_SIZE[1] - h))
        x = rng.integers(0, max(1, NOISE_SIZE[0] - w))
        noise = rng.uniform(1, 11) * _NOISE[y : y + h, x : x + w]
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.65:
        quality = int(rng.uniform(18, 92))
        _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
        image = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    if rng.random() < 0.02:
        bar = int(rng.uniform(0.02, 0.12) * h)
        image[:bar] = 0
        image[h - bar :] = 0
    return image


def _rescaled(image: ImageArray, rng: np.random.Generator) -> ImageArray:
    """Made smaller and larger again, as a converter with little bandwidth does."""
    h, w = image.shape[:2]
    s = rng.uniform(0.45, 0.95)
    size = (max(8, int(w * s)), max(8, int(h * s)))
    down = int(rng.choice([cv2.INTER_AREA, cv2.INTER_LINEAR]))
    small = cv2.resize(image, size, interpolation=down)
    ways = [cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_NEAREST]
    up = int(rng.choice(ways, p=[0.5, 0.4, 0.1]))
    return np.asarray(cv2.resize(small, (w, h), interpolation=up), np.uint8)
