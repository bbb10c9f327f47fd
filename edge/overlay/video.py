"""A video of a match with the overlay drawn in."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from edge.capture import VideoWriter
from edge.fields import Field
from edge.overlay.draw import Overlay
from edge.types import ImageArray, Registration

if TYPE_CHECKING:
    from typing_extensions import Self  # typing.Self from Python 3.11 on


class OverlayVideo:
    """An mp4 file of overlays, whole or not there: see `edge.capture.VideoWriter`."""

    def __init__(
        self,
        path: str | Path,
        field: Field,
        *,
        fps: float = 30.0,
        crf: int = 23,
        overwrite: bool = True,
    ) -> None:
        self._overlay = Overlay(field)
        self._writer = VideoWriter(path, fps=fps, crf=crf, overwrite=overwrite)

    @property
    def frames(self) -> int:
        """How many pictures were written."""
        return self._writer.frames

    def write(
        self,
        image: ImageArray,
        registration: Registration,
        *,
        pts_s: float | None = None,
        text: str = "",
    ) -> ImageArray:
        """Draw the overlay on a copy of `image`, append it, and return it."""
        drawn = self._overlay.draw(image, registration, text=text)
        self._writer.write(drawn, pts_s=pts_s)
        return drawn

    def close(self) -> None:
        """Finish the file and give it its name."""
        self._writer.close()

    def discard(self) -> None:
        """Leave no file behind."""
        self._writer.discard()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.__exit__(kind, error, trace)
