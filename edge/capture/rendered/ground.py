"""The pitch as the camera sees it: grass, mowing stripes, wear, shade and lines."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.capture.rendered.light import Light
from edge.capture.rendered.match_camera import RenderedCamera
from edge.fields import Field, Raster, texture
from edge.types import FloatArray, ImageArray

_APRON_M = 6.5
"""Grass beyond the lines; behind it asphalt."""
_MARGIN_M = 16.0
_BANDS = 24
_ASPHALT = (62, 60, 58)


class Ground:
    """The textured ground plane, filtered for views at a flat angle.

    A far line is a fraction of a pixel high but many pixels wide, so the texture is kept at several
    heights (a ripmap along y) and each horizontal band of the picture takes the one that fits.
    """

    def __init__(
        self, field: Field, metres_per_px: float, light: Light, rng: np.random.Generator
    ) -> None:
        raster = _painted(field, metres_per_px, light, rng)
        self._metres_per_px = raster.metres_per_px
        self._pixel_from_field = raster.pixel_from_field
        self._levels: list[ImageArray] = [raster.data]
        while self._levels[-1].shape[0] > 64 and len(self._levels) < 6:
            last = self._levels[-1]
            size = (last.shape[1], last.shape[0] // 2)
            self._levels.append(np.asarray(cv2.resize(last, size, interpolation=cv2.INTER_AREA)))

    def draw(self, picture: ImageArray, camera: RenderedCamera) -> None:
        """Paint the ground into (height, width, 3) `picture` wherever it lies below the horizon."""
        field_from_image = np.linalg.inv(camera.image_from_field)
        edges = np.linspace(_horizon_row(camera), camera.height, _BANDS + 1).astype(int)
        for top, bottom in pairwise(edges.tolist()):
            if bottom > top:
                self._draw_band(picture, field_from_image, top, bottom)

    def _draw_band(
        self, picture: ImageArray, field_from_image: FloatArray, top: int, bottom: int
    ) -> None:
        width = picture.shape[1]
        middle = np.array([[width / 2, (top + bottom) / 2], [width / 2, (top + bottom) / 2 + 1]])
        a, b = (field_from_image @ np.append(p, 1.0) for p in middle)
        metres = float(np.hypot(*(a[:2] / a[2] - b[:2] / b[2])))
        wanted = np.log2(max(metres / self._metres_per_px, 1.0))
        level = int(np.clip(np.rint(wanted - 0.7), 0, len(self._levels) - 1))
        source = self._levels[level]
        squeeze = source.shape[0] / self._levels[0].shape[0]
        texture_from_pixel = np.array([[1, 0, 0], [0, squeeze, 0.5 * squeeze - 0.5], [0, 0, 1]])
        shift = np.array([[1, 0, 0], [0, 1, top], [0, 0, 1.0]])
        chain = texture_from_pixel @ self._pixel_from_field @ field_from_image @ shift
        cv2.warpPerspective(
            source,
            chain,
            (width, bottom - top),
            dst=picture[top:bottom],
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=_ASPHALT,
        )


def _horizon_row(camera: RenderedCamera) -> int:
    """First picture row in which the ground nearer than 400 m is seen."""
    forward = np.radians(camera.pan_deg)
    away = np.array(camera.position_m) + 400 * np.array([np.sin(forward), np.cos(forward), 0])
    pixel, _ = camera.project([[away[0], away[1], 0.0]])
    return int(np.clip(pixel[0, 1], 0, camera.height))


def _painted(field: Field, metres_per_px: float, light: Light, rng: np.random.Generator) -> Raster:
    """Grass with everything on it, (height, width, 3) uint8 BGR."""
    blue, green, red = rng.normal((46, 112, 66), (3, 6, 5)).astype(int).tolist()
    grass = (blue, green, red)
    palette = {"surface": grass, "runoff": grass, "white": (226, 232, 230)}
    raster = texture(field, metres_per_px, _MARGIN_M, palette)
    x, y = _axes(raster)
    paint = np.clip((raster.data[..., 2].astype(np.float32) - grass[2]) / (226 - grass[2]), 0, 1)
    tone = _stripes(field, x, y, rng) * _patches(raster.data.shape[:2], rng) * _wear(field, x, y)
    tone += (1 - tone) * 0.6 * paint  # paint hides the grass below it, though not all
    tone *= light.brightness(x[None], y[:, None])
    grain = rng.standard_normal(tone.shape, dtype=np.float32)
    tone *= 1 + 0.045 * grain
    picture = raster.data * tone[..., None]
    inside = (np.abs(x) < field.length_m / 2 + _APRON_M)[None] & (
        np.abs(y) < field.width_m / 2 + _APRON_M
    )[:, None]
    picture[~inside] = np.array(_ASPHALT, np.float32) * (1 + 0.04 * grain[~inside, None])
    np.clip(picture, 0, 255, out=picture)
    return Raster(picture.astype(np.uint8), raster.metres_per_px, raster.origin_m)


def _axes(raster: Raster) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Field x of each column and y of each row."""
    rows, columns = raster.data.shape[:2]
    x0, y0 = raster.origin_m
    m = raster.metres_per_px
    return (x0 + m * np.arange(columns)).astype(np.float32), (y0 - m * np.arange(rows)).astype(
        np.float32
    )


def _stripes(
    field: Field, x: NDArray[np.float32], y: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Mowing: bands across the field, on some pitches also along it."""

    def bands(t: NDArray[np.float32], period: float) -> NDArray[np.float32]:
        return np.asarray(np.tanh(4 * np.sin(np.pi * t / period)), np.float32)

    strength = rng.uniform(0.06, 0.12)
    light = 1 + strength * bands(x, field.length_m / int(rng.integers(14, 21)))[None]
    if rng.random() < 0.4:
        light = light + 0.6 * strength * bands(y, field.width_m / int(rng.integers(8, 13)))[:, None]
    return np.ascontiguousarray(np.broadcast_to(light, (len(y), len(x))), np.float32)


def _patches(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    """Uneven growth: smooth noise of several sizes about 1."""
    light = np.ones(shape, np.float32)
    for cells, size in ((9, 0.025), (40, 0.018), (160, 0.016)):
        rows = max(2, cells * shape[0] // shape[1])
        noise = rng.normal(0, size, (rows, cells)).astype(np.float32)
        light += cv2.resize(noise, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return light


def _wear(field: Field, x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
    """Trodden grass in the goal mouths is a little brighter and dry."""
    worn = np.ones((len(y), len(x)), np.float32)
    for side in (-1, 1):
        dx = (x - side * (field.length_m / 2 - 3)) / 3.5
        worn += 0.16 * np.exp(-(dx[None] ** 2) - (y[:, None] / 4.5) ** 2)
    return worn
