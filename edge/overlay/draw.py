"""Drawing what was found onto a picture: field lines, a status bar, a mini-map."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.fields import Field, minimap, outline
from edge.geometry import apply_homography, visible_polygon
from edge.overlay.projection import marking_segments, oriented, project_segments
from edge.types import ImageArray, Registration, RegistrationState

Bgr = tuple[int, int, int]

COLOURS: dict[RegistrationState, Bgr] = {
    RegistrationState.VERIFIED: (80, 255, 80),
    RegistrationState.REFINED: (255, 220, 60),
    RegistrationState.TRACKED: (60, 235, 255),
    RegistrationState.HELD: (40, 150, 255),
    RegistrationState.LOST: (70, 70, 255),
}
"""Colour of the lines and of the status for each state, BGR."""

_SHIFT = 4
"""Bits of sub-pixel precision in OpenCV's drawing."""
_FONT = cv2.FONT_HERSHEY_DUPLEX
_SMALLEST_PX = 160
"""Pictures narrower or lower than this get lines only: text on them would hide everything."""


class Overlay:
    """Draws registrations of one field; keeps what all pictures share."""

    def __init__(self, field: Field, *, bar: bool = True, inset: bool = True) -> None:
        """`bar`: the status line; `inset`: the mini-map."""
        self._segments_m = marking_segments(field)
        self._outline_m = outline(field)
        self._field = field
        self._bar = bar
        self._inset = inset
        self._maps: dict[int, tuple[ImageArray, NDArray[np.float64]]] = {}

    def draw(self, image: ImageArray, registration: Registration, *, text: str = "") -> ImageArray:
        """Return a copy of (height, width, 3) BGR `image` with everything drawn in.

        `text` stands at the right of the status bar, a frame number for instance.
        """
        picture: ImageArray = image.copy()
        height, width = picture.shape[:2]
        homography = registration.field_from_image
        if homography is not None:
            image_from_field = oriented(np.linalg.inv(homography))
            self._draw_lines(picture, image_from_field, COLOURS[registration.state])
        else:
            image_from_field = None
        if min(width, height) >= _SMALLEST_PX:
            if self._inset:
                self._draw_inset(picture, image_from_field, COLOURS[registration.state])
            if self._bar:
                draw_status(picture, registration, text)
        return picture

    def _draw_lines(
        self, picture: ImageArray, image_from_field: NDArray[np.float64], colour: Bgr
    ) -> None:
        height, width = picture.shape[:2]
        pixels = project_segments(image_from_field, self._segments_m, width, height)
        lines = list(_fixed(pixels))
        thick = max(1, round(width / 640))
        cv2.polylines(picture, lines, False, (0, 0, 0), thick + 2, cv2.LINE_AA, _SHIFT)
        cv2.polylines(picture, lines, False, colour, thick, cv2.LINE_AA, _SHIFT)

    def _draw_inset(
        self, picture: ImageArray, image_from_field: NDArray[np.float64] | None, colour: Bgr
    ) -> None:
        height, width = picture.shape[:2]
        plan, pixel_from_field = self._map(round(0.24 * width))
        plan = plan.copy()
        if image_from_field is not None:
            seen = visible_polygon(image_from_field, self._outline_m, width, height)
            if len(seen) >= 3:
                _shade_polygon(plan, apply_homography(pixel_from_field, seen), colour)
        rows, columns = plan.shape[:2]
        margin = round(0.015 * width)
        top, left = height - rows - margin, width - columns - margin
        if top < 0 or left < 0:  # a very wide, low picture has no room for it
            return
        part = picture[top : top + rows, left : left + columns]
        cv2.addWeighted(plan, 0.85, part, 0.15, 0, dst=part)
        cv2.rectangle(picture, (left - 1, top - 1), (left + columns, top + rows), (20, 20, 20), 1)

    def _map(self, width_px: int) -> tuple[ImageArray, NDArray[np.float64]]:
        """Draw the field from above, `width_px` wide -> picture and (3, 3) pixel_from_field."""
        if width_px not in self._maps:
            raster = minimap(self._field, max(16, width_px), min(self._field.runoff_m, 3.0))
            self._maps[width_px] = (raster.data, np.asarray(raster.pixel_from_field, float))
        return self._maps[width_px]


def draw_overlay(image: ImageArray, registration: Registration, field: Field) -> ImageArray:
    """Return a copy of `image` with lines, status bar and mini-map; for many use `Overlay`."""
    return Overlay(field).draw(image, registration)


def draw_status(picture: ImageArray, registration: Registration, text: str = "") -> None:
    """Write state, score and reason along the top of (height, width, 3) `picture`, in place."""
    width = picture.shape[1]
    scale = width / 1600
    tall = max(14, round(34 * scale))
    part = picture[:tall]
    cv2.addWeighted(part, 0.35, np.zeros_like(part), 0.65, 0, dst=part)
    colour = COLOURS[registration.state]
    left, base = round(14 * scale), round(0.72 * tall)
    state = registration.state.value.upper()
    after = left + _put(picture, state, (left, base), scale, colour)
    _put(picture, describe(registration), (after + round(24 * scale), base), scale, (235, 235, 235))
    if text:
        (wide, _), _ = cv2.getTextSize(text, _FONT, 0.8 * scale, 1)
        _put(picture, text, (width - wide - left, base), scale, (200, 200, 200))


def describe(registration: Registration) -> str:
    """Say in a few words how good a registration is, or why there is none."""
    quality = registration.quality
    if registration.state is RegistrationState.LOST:
        return registration.reason.value.replace("_", " ")
    words = [f"score {quality.score:.2f}", f"{quality.inliers} keypoints"]
    if quality.rms_px is not None:
        words.append(f"{quality.rms_px:.1f} px")
    if quality.expected_error_m is not None:
        words.append(f"about {quality.expected_error_m:.2f} m")
    return "   ".join(words)


def contact_sheet(
    images: Sequence[ImageArray], *, columns: int = 4, tile_width: int = 480, gap: int = 4
) -> ImageArray:
    """Put pictures of any sizes side by side, in rows of `columns`, each scaled to fit its tile.

    The tiles have the shape of the first picture. Raises ValueError when there is no picture.
    """
    if not images:
        raise ValueError("a contact sheet of no pictures")
    columns = max(1, min(columns, len(images)))
    rows = -(-len(images) // columns)
    tile_height = max(1, round(tile_width * images[0].shape[0] / images[0].shape[1]))
    shape = (rows * (tile_height + gap) + gap, columns * (tile_width + gap) + gap, 3)
    sheet: ImageArray = np.full(shape, 32, np.uint8)
    for number, image in enumerate(images):
        row, column = divmod(number, columns)
        small = _fitted(image, tile_width, tile_height)
        top = gap + row * (tile_height + gap) + (tile_height - small.shape[0]) // 2
        left = gap + column * (tile_width + gap) + (tile_width - small.shape[1]) // 2
        sheet[top : top + small.shape[0], left : left + small.shape[1]] = small
    return sheet


def _fitted(image: ImageArray, width: int, height: int) -> ImageArray:
    scale = min(width / image.shape[1], height / image.shape[0])
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, size, interpolation=kind), np.uint8)


def _put(picture: ImageArray, text: str, at: tuple[int, int], scale: float, colour: Bgr) -> int:
    """Write a line of text; returns its width in pixels."""
    thick = max(1, round(1.2 * scale))
    cv2.putText(picture, text, at, _FONT, 0.8 * scale, colour, thick, cv2.LINE_AA)
    return int(cv2.getTextSize(text, _FONT, 0.8 * scale, thick)[0][0])


def _shade_polygon(picture: ImageArray, polygon: NDArray[np.float64], colour: Bgr) -> None:
    shaded = picture.copy()
    cv2.fillPoly(shaded, [_fixed(polygon)], colour, cv2.LINE_AA, _SHIFT)
    cv2.addWeighted(shaded, 0.3, picture, 0.7, 0, dst=picture)
    cv2.polylines(picture, [_fixed(polygon)], True, colour, 1, cv2.LINE_AA, _SHIFT)


def _fixed(pixels: NDArray[np.float64]) -> NDArray[np.int32]:
    """Pixels as OpenCV's fixed-point numbers."""
    return np.rint(pixels * (1 << _SHIFT)).astype(np.int32)
