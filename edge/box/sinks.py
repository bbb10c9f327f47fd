"""Outputs of a run: JSON Lines, and pictures with the field drawn in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import cv2

from edge.box.files import WholeFile, temporary_name
from edge.box.records import frame_record
from edge.errors import TouchlineError
from edge.types import Frame, Image, Registration

Draw: TypeAlias = Callable[[Image, Registration], Image]
"""Draws a registration on a picture; the picture handed in stays as it is."""

_JPEG_QUALITY = 92


class JsonLinesSink:
    """One JSON object a frame."""

    def __init__(self, path: Path, *, source: str, sport: str, half_turn: bool = False) -> None:
        self.path = path
        self._source = source
        self._sport = sport
        self._half_turn = half_turn
        self._file = WholeFile(path)

    def write(self, frame: Frame, registration: Registration) -> None:
        """Add one frame's object."""
        self._file.write_json(
            frame_record(
                frame,
                registration,
                source=self._source,
                sport=self._sport,
                half_turn=self._half_turn,
            )
        )

    def close(self) -> None:
        """Finish the file."""
        self._file.close()

    def abort(self) -> None:
        """Remove the file."""
        self._file.abort()


class PictureSink:
    """One drawn picture every so often, named by its frame, and a contact sheet of them."""

    def __init__(
        self,
        folder: Path,
        draw: Draw,
        contact_sheet: Callable[[list[Image]], Image],
        *,
        every_frames: int,
        sheet_of: int = 24,
    ) -> None:
        self.path = folder
        self._draw = draw
        self._contact_sheet = contact_sheet
        self._every = every_frames
        self._next = 0
        self._written: list[Path] = []
        self._sheet_of = sheet_of
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, frame: Frame, registration: Registration) -> None:
        """Draw the frame if its turn has come."""
        if frame.index < self._next:
            return
        self._next = frame.index + self._every
        path = self.path / f"{frame.index:06d}.jpg"
        write_picture(path, self._draw(frame.image, registration))
        self._written.append(path)

    def close(self) -> None:
        """Write the contact sheet, of pictures spread evenly over the run."""
        step = max(1, -(-len(self._written) // self._sheet_of))
        read = (cv2.imread(str(path)) for path in self._written[::step])
        pictures = [picture.astype("uint8", copy=False) for picture in read if picture is not None]
        if pictures:
            write_picture(self.path / "contact_sheet.jpg", self._contact_sheet(pictures))

    def abort(self) -> None:
        """Remove the pictures of this run."""
        for path in self._written:
            path.unlink(missing_ok=True)


class PictureFolder:
    """Drawn pictures named after the pictures they come from; two of one name get numbers."""

    def __init__(self, folder: Path, draw: Draw) -> None:
        self._folder = folder
        self._draw = draw
        self._used: set[str] = set()

    def add(self, name: str, image: Image, registration: Registration) -> Path:
        """Draw one picture, `name` being a path or `film.mp4/<number>`; returns where it lies."""
        path = self._folder / f"{self._unused(_flat(name))}.jpg"
        write_picture(path, self._draw(image, registration))
        return path

    def _unused(self, stem: str) -> str:
        number, unused = 2, stem
        while unused in self._used:
            number, unused = number + 1, f"{stem}-{number}"
        self._used.add(unused)
        return unused


def _flat(name: str) -> str:
    """Return a file's stem for `a/b.png` -> `b`, and `film_000012` for `film.mp4/12`."""
    path = Path(name)
    return f"{path.parent.stem}_{int(path.name):06d}" if path.name.isdecimal() else path.stem


def write_picture(path: Path, image: Image) -> None:
    """Write a picture as JPEG, whole or not at all; raises OSError or TouchlineError."""
    done, data = cv2.imencode(path.suffix, image, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    if not done:
        raise TouchlineError(f"{path}: OpenCV cannot write a picture of this kind or size")
    temporary = temporary_name(path)
    try:
        temporary.write_bytes(data.tobytes())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
