"""Flat textured things that stand about a pitch, painted into the picture in perspective."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.capture.rendered.match_camera import RenderedCamera
from edge.geometry import apply_homography, visible_polygon
from edge.types import ImageArray

Point = tuple[float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """A rectangle of (height, width, 3) texture in space, of which a polygon may be cut out."""

    texture: ImageArray
    corner_m: NDArray[np.float64]
    """(3,) where the texture's top left corner is."""
    right_m: NDArray[np.float64]
    """(3,) from there to the top right corner."""
    down_m: NDArray[np.float64]
    """(3,) from there to the bottom left corner."""
    cut: tuple[tuple[float, float], ...]
    """Convex polygon that is shown, in shares of the width and height."""

    @staticmethod
    def between(
        texture: ImageArray,
        top_left_m: Point,
        top_right_m: Point,
        bottom_left_m: Point,
        cut: Sequence[tuple[float, float]] = ((0, 0), (1, 0), (1, 1), (0, 1)),
    ) -> Plane:
        """Span a texture between three of its corners, each (x, y, z) in metres."""
        corner = np.array(top_left_m, float)
        right, down = np.array(top_right_m) - corner, np.array(bottom_left_m) - corner
        return Plane(texture, corner, right, down, tuple(cut))

    def draw(self, picture: ImageArray, camera: RenderedCamera) -> None:
        """Paint what is seen of it into (height, width, 3) `picture`."""
        rows, columns = self.texture.shape[:2]
        place = np.zeros((4, 3))
        place[:3] = np.column_stack([self.right_m / columns, self.down_m / rows, self.corner_m])
        place[3, 2] = 1.0
        image_from_texture = camera.projection @ place
        polygon = np.array(self.cut, float) * (columns, rows)
        seen = visible_polygon(image_from_texture, polygon, camera.width, camera.height)
        if len(seen) < 3:
            return
        corners = apply_homography(image_from_texture, seen)
        _warp(picture, self.texture, image_from_texture, corners)


def _warp(
    picture: ImageArray,
    texture: ImageArray,
    image_from_texture: NDArray[np.float64],
    corners: NDArray[np.float64],
) -> None:
    """Warp `texture` into the convex polygon `corners`, (n, 2) pixels, of `picture`."""
    height, width = picture.shape[:2]
    left, top = np.maximum(np.floor(corners.min(axis=0)).astype(int), 0)
    right, bottom = np.minimum(np.ceil(corners.max(axis=0)).astype(int) + 1, (width, height))
    if right <= left or bottom <= top:
        return
    # texture coordinates count from the texture's corner, samples from the pixel's centre
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    shift = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1]])
    size = (int(right - left), int(bottom - top))
    patch = cv2.warpPerspective(
        texture, shift @ image_from_texture @ half, size, borderMode=cv2.BORDER_REPLICATE
    )
    mask = np.zeros((size[1], size[0]), np.uint8)
    fixed = np.rint((corners - (left, top)) * 16).astype(np.int32)
    cv2.fillConvexPoly(mask, fixed, 255, cv2.LINE_8, 4)
    cv2.copyTo(patch, mask, picture[top:bottom, left:right])
