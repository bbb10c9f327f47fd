"""Outputs of a run: JSON Lines, and pictures with the field drawn in."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeAlias

import cv2

from edge.box.outputs.atomic_file import LineFile
from edge.capture import read_picture
from edge.errors import TouchlineError
from edge.fields import Field
from edge.part_file import write_new
from edge.publish.messages.record import record_of
from edge.types import Frame, ImageArray, Registration

Draw: TypeAlias = Callable[[ImageArray, Registration], ImageArray]
"""Draws a registration on a picture; the picture handed in stays as it is."""

CONTACT_SHEET = "contact_sheet.jpg"
_NUMBERED = re.compile(r"\d{6,}\.jpg", re.ASCII)
_JPEG_QUALITY = 92
_LONGEST_STEM = 200
"""Bytes of a drawn picture's name; a file's name has 255 at most, with number and ending."""


class JsonLinesSink:
    """One JSON object a frame."""

    def __init__(
        self,
        path: Path,
        *,
        source: str,
        field: Field,
        far_side: bool = False,
        overwrite: bool = True,
    ) -> None:
        self.path = path
        self._source = source
        self._field = field
        self._far_side = far_side
        self._file = LineFile(path, overwrite=overwrite)

    def write(self, frame: Frame, registration: Registration) -> None:
        """Add one frame's object."""
        height, width = frame.image.shape[:2]
        record = record_of(
            registration,
            image=self._source,
            image_size=(width, height),
            field=self._field,
            frame=frame,
            far_side=self._far_side,
        )
        self._file.write_json(record.line())

    def close(self) -> None:
        """Finish the file."""
        self._file.close()

    def abort(self) -> None:
        """Remove the file, and put back what it replaced."""
        self._file.abort()

    def interrupt(self) -> None:
        """Keep the lines up to here."""
        self._file.close()


class PictureSink:
    """One drawn picture every so often, named by its frame, and a contact sheet of them."""

    def __init__(
        self,
        folder: Path,
        draw: Draw,
        contact_sheet: Callable[[list[ImageArray]], ImageArray],
        *,
        every_frames: int,
        sheet_of: int = 24,
        overwrite: bool = True,
    ) -> None:
        self.path = folder
        self._draw = draw
        self._contact_sheet = contact_sheet
        self._every = every_frames
        self._next = 0
        self._written: list[Path] = []
        self._sheet_of = sheet_of
        self._overwrite = overwrite
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, frame: Frame, registration: Registration) -> None:
        """Draw the frame if its turn has come."""
        if frame.index < self._next:
            return
        self._next = frame.index + self._every
        path = self.path / f"{frame.index:06d}.jpg"
        drawn = self._draw(frame.image, registration)
        write_picture(path, drawn, overwrite=self._overwrite)
        self._written.append(path)

    def close(self) -> None:
        """Write the contact sheet, of pictures spread evenly over the run."""
        step = max(1, -(-len(self._written) // self._sheet_of))
        pictures = [read_picture(path) for path in self._written[::step] if path.exists()]
        if pictures:
            sheet = self._contact_sheet(pictures)
            write_picture(self.path / CONTACT_SHEET, sheet, overwrite=self._overwrite)

    def abort(self) -> None:
        """Remove the pictures of this run."""
        for path in self._written:
            path.unlink(missing_ok=True)

    def interrupt(self) -> None:
        """Keep the pictures, each of which is whole, without a sheet of them."""

    @staticmethod
    def writes(name: str) -> bool:
        """Whether a picture of this name may be written."""
        return name == CONTACT_SHEET or _NUMBERED.fullmatch(name) is not None


class PictureFolder:
    """Drawn pictures named after the pictures they come from; two of one name get numbers."""

    def __init__(self, folder: Path, draw: Draw, *, overwrite: bool = True) -> None:
        self._folder = folder
        self._draw = draw
        self._overwrite = overwrite
        self._used: set[str] = set()

    def add(self, name: str, image: ImageArray, registration: Registration) -> Path:
        """Draw one picture, `name` being a path or `film.mp4/<number>`; returns where it lies."""
        path = self._folder / f"{self._unused(_flat(name))}.jpg"
        write_picture(path, self._draw(image, registration), overwrite=self._overwrite)
        return path

    def _unused(self, stem: str) -> str:
        number, unused = 2, stem
        while unused in self._used:
            number, unused = number + 1, f"{stem}-{number}"
        self._used.add(unused)
        return unused


def drawn_names(inputs: Iterable[Path]) -> Callable[[str], bool]:
    """Return what tells whether a `PictureFolder` may write a name, for pictures and films."""
    stems = {_short(path.stem) for path in inputs}

    def writes(name: str) -> bool:
        if not name.endswith(".jpg"):
            return False
        stem = name.removesuffix(".jpg")
        maybe = {stem, re.sub(r"-[0-9]+$", "", stem)}
        maybe |= {re.sub(r"_[0-9]{6,}$", "", one) for one in maybe}
        return not maybe.isdisjoint(stems)

    return writes


def _flat(name: str) -> str:
    """Return a file's stem for `a/b.png` -> `b`, and `film_000012` for `film.mp4/12`."""
    path = Path(name)
    if path.name.isdecimal() and path.parent.name:
        return f"{_short(path.parent.stem)}_{int(path.name):06d}"
    return _short(path.stem)


def _short(stem: str) -> str:
    return os.fsdecode(os.fsencode(stem)[:_LONGEST_STEM])


def write_picture(path: Path, image: ImageArray, *, overwrite: bool = True) -> None:
    """Write a picture as JPEG, whole or not at all; raises OSError or TouchlineError."""
    done, data = cv2.imencode(path.suffix, image, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    if not done:
        raise TouchlineError(f"{path}: OpenCV cannot write a picture of this kind or size")
    write_new(path, data.tobytes(), overwrite=overwrite, sync=False)
