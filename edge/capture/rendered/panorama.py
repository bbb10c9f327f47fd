"""All that stands still at a venue in one large picture, from which each frame is cut.

A PTZ camera turns about its centre, so two of its pictures differ by a homography. The pitch,
stands and goals are therefore drawn once, carefully, as a very wide camera would see them, and each
frame costs one warp.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import cv2
import numpy as np

from edge.capture.rendered.match_camera import RenderedCamera
from edge.types import ImageArray


class Panorama:
    """A wide still picture from one camera position, in two sizes."""

    def __init__(
        self, cameras: Iterable[RenderedCamera], paint: Callable[[ImageArray, RenderedCamera], None]
    ) -> None:
        """Cover what all `cameras` see from one position; `paint` draws a camera's picture."""
        self._camera = _covering(list(cameras))
        canvas = np.zeros((self._camera.height, self._camera.width, 3), np.uint8)
        paint(canvas, self._camera)
        # four channels: OpenCV warps them in two thirds of the time that three take
        full = np.asarray(cv2.cvtColor(canvas, cv2.COLOR_BGR2BGRA), np.uint8)
        half = cv2.resize(full, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        self._levels = (full, np.asarray(half, np.uint8))

    def draw(self, picture: ImageArray, camera: RenderedCamera) -> None:
        """Cut what `camera` sees into (height, width, 3) `picture`."""
        shrunk = camera.focal_px < 0.7 * self._camera.focal_px
        # both cameras stand in one place: a plane's homography is as good as the rotation between
        # them
        wide_from_view = self._camera.image_from_field @ np.linalg.inv(camera.image_from_field)
        if shrunk:
            wide_from_view = (
                np.array([[0.5, 0, -0.25], [0, 0.5, -0.25], [0, 0, 1]]) @ wide_from_view
            )
        warped = cv2.warpPerspective(
            self._levels[shrunk],
            wide_from_view,
            (camera.width, camera.height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        )
        cv2.cvtColor(warped, cv2.COLOR_BGRA2BGR, dst=picture)


def _covering(cameras: list[RenderedCamera]) -> RenderedCamera:
    """Choose a camera without pan and roll whose picture holds those of all the others."""
    first = cameras[0]
    focal = float(np.median([c.focal_px for c in cameras]))
    tilt = float(np.mean([c.tilt_deg for c in cameras]))
    probe = RenderedCamera(first.position_m, 0.0, tilt, 0.0, focal, 1, 1)
    points = np.concatenate([_corners(c, probe) for c in cameras])
    reach = np.abs(points).max(axis=0) * 1.03 + 8
    width, height = (2 * np.ceil(reach)).astype(int)
    return RenderedCamera(first.position_m, 0.0, tilt, 0.0, focal, int(width), int(height))


def _corners(camera: RenderedCamera, probe: RenderedCamera) -> np.ndarray:
    """Where the corners of one camera's picture lie in another's, (4, 2) pixels from its middle."""
    w, h = camera.width, camera.height
    corners = np.array([[0, 0, 1], [w, 0, 1], [w, h, 1], [0, h, 1]], float)
    mapped = corners @ (probe.image_from_field @ np.linalg.inv(camera.image_from_field)).T
    result: np.ndarray = mapped[:, :2] / mapped[:, 2:]
    return result
