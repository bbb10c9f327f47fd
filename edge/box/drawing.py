"""How outputs draw an answer: the functions of `edge.overlay` bound to a field."""

from __future__ import annotations

from pathlib import Path

from edge.box.sinks import Draw
from edge.fields import Field
from edge.overlay import OverlayVideo, contact_sheet, draw_overlay
from edge.types import Frame, Image, Registration


def drawer(field: Field, *, minimap: bool) -> Draw:
    """Return what draws a field's lines, the state and, if asked, the mini-map on a picture."""

    def draw(image: Image, registration: Registration) -> Image:
        return draw_overlay(image, registration, field, minimap=minimap)

    return draw


class OverlaySink:
    """A video in which each frame has the field drawn over it."""

    def __init__(self, path: Path, field: Field, *, fps: float) -> None:
        self.path = path
        self._draw = drawer(field, minimap=True)
        self._video = OverlayVideo(path, fps=fps)

    def write(self, frame: Frame, registration: Registration) -> None:
        """Draw and encode one frame."""
        self._video.write(self._draw(frame.image, registration))

    def close(self) -> None:
        """Finish the file."""
        self._video.close()

    def abort(self) -> None:
        """Remove the file."""
        self._video.abort()


__all__ = ["OverlaySink", "contact_sheet", "drawer"]
