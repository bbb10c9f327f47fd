"""How outputs draw an answer: `edge.overlay` bound to a field."""

from __future__ import annotations

from pathlib import Path

from edge.fields import Field
from edge.overlay import Overlay, OverlayVideo, contact_sheet
from edge.types import Frame, Image, Registration

__all__ = ["Drawer", "OverlaySink", "contact_sheet"]


class Drawer:
    """Draws a field's lines, the state and the mini-map on a copy of a picture."""

    def __init__(self, field: Field) -> None:
        self._overlay = Overlay(field)

    def __call__(self, image: Image, registration: Registration) -> Image:
        """Return the drawn copy."""
        return self._overlay.draw(image, registration)


class OverlaySink:
    """A video in which each frame has the field drawn over it."""

    def __init__(self, path: Path, field: Field, *, fps: float, overwrite: bool = True) -> None:
        self.path = path
        self._video = OverlayVideo(path, field, fps=fps, overwrite=overwrite)
        self._clock = VideoClock(fps)

    def write(self, frame: Frame, registration: Registration) -> None:
        """Draw and encode one frame at its time in the source, the first frame at zero."""
        self._video.write(frame.image, registration, pts_s=self._clock.time_s(frame.pts_s))

    def close(self) -> None:
        """Finish the file; without a frame there is none."""
        self._video.close()

    def abort(self) -> None:
        """Remove the file."""
        self._video.discard()

    def interrupt(self) -> None:
        """Remove the file: a video that is not finished cannot be played."""
        self._video.discard()


class VideoClock:
    """The time of each frame in a video made of a source's frames, from zero. Pure.

    A source's own steps are kept, so that a variable frame rate stays one. A step that goes back or
    is longer than `most_s` is no step of the picture: the stamps were set anew, recordings were
    joined, or the camera was away. It counts as one frame, as does a frame without a time.
    """

    def __init__(self, fps: float, *, most_s: float = 10.0) -> None:
        self._frame_s = 1 / fps
        self._most_s = max(most_s, 3 * self._frame_s)
        self._now_s: float | None = None
        self._pts_s: float | None = None

    def time_s(self, pts_s: float | None) -> float:
        """Return the time, in seconds, of the next frame, which the source stamps with `pts_s`."""
        step_s = None if pts_s is None or self._pts_s is None else pts_s - self._pts_s
        self._pts_s = pts_s
        if self._now_s is None:
            self._now_s = 0.0
        elif step_s is not None and 0 < step_s <= self._most_s:
            self._now_s += step_s
        else:
            self._now_s += self._frame_s
        return self._now_s
