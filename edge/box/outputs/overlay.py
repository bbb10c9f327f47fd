"""How outputs draw an answer: `edge.overlay` bound to a field."""

from __future__ import annotations

from pathlib import Path

from edge.capture.timeline import Timeline
from edge.fields import Field
from edge.overlay import Overlay, OverlayVideo, contact_sheet
from edge.types import Frame, ImageArray, Registration

__all__ = ["Drawer", "OverlaySink", "contact_sheet"]


class Drawer:
    """Draws a field's lines, the state and the mini-map on a copy of a picture."""

    def __init__(self, field: Field) -> None:
        self._overlay = Overlay(field)

    def __call__(self, image: ImageArray, registration: Registration) -> ImageArray:
        """Return the drawn copy."""
        return self._overlay.draw(image, registration)


class OverlaySink:
    """A video in which each frame has the field drawn over it."""

    def __init__(self, path: Path, field: Field, *, fps: float, overwrite: bool = True) -> None:
        self.path = path
        self._video = OverlayVideo(path, field, fps=fps, overwrite=overwrite)
        self._times = Timeline(1 / fps)

    def write(self, frame: Frame, registration: Registration) -> None:
        """Draw and encode one frame at its time in the source, the first frame at zero.

        A variable frame rate stays one; a gap, such as a camera that was away, is left out.
        """
        self._video.write(frame.image, registration, pts_s=self._times.place(frame.pts_s))

    def close(self) -> None:
        """Finish the file; without a frame there is none."""
        self._video.close()

    def abort(self) -> None:
        """Remove the file."""
        self._video.discard()

    def interrupt(self) -> None:
        """Remove the file: a video that is not finished cannot be played."""
        self._video.discard()
