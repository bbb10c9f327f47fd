"""Pictures with a truth file, as views: stills one by one, sequences in order.

A truth file is JSON Lines, one picture a line; docs/how-to/your-own-footage.md has its fields.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge.capture.pictures import read_picture
from edge.capture.video import VideoFile
from edge.errors import SourceError, UsageError
from edge.fields import default_field, load_field
from edge.types import ImageArray
from models.registration.held_out import View

_LAST_NUMBER = re.compile(r"^(.*?)(\d+)(\D*)$")


class TruthRow(BaseModel):
    """One line of a truth file; other keys are comments."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    image: str
    """Path of the picture beside the truth file; of a video's frame, the video's path, a slash and
    the frame's number."""
    sport: str
    field: str | None = None
    """Name of the field; None for the sport's usual one."""
    width: int = Field(gt=0)
    height: int = Field(gt=0)
    field_length_m: float = Field(gt=0)
    field_width_m: float = Field(gt=0)
    field_from_image: tuple[float, ...] | None
    """Nine numbers, row-major; None where no field can be registered (a negative)."""
    video: str | None = None
    """Marks a frame of a video; the video's path beside the truth file, or its name alone."""
    frame: int | None = Field(default=None, ge=0)
    """Its number, from 0."""

    @property
    def field_name(self) -> str:
        """Name of the field."""
        return self.field or default_field(self.sport)


@dataclass(frozen=True, slots=True)
class TruthFile:
    """A truth file that was read and found to make sense."""

    path: Path
    rows: tuple[TruthRow, ...]

    @property
    def name(self) -> str:
        """What reports call it."""
        return self.path.name.removesuffix(".jsonl").removesuffix(".sequence")

    def of(self, sport: str) -> list[TruthRow]:
        """The rows of a sport."""
        return [row for row in self.rows if row.sport == sport]


@dataclass(frozen=True, slots=True)
class Shown:
    """One picture of a truth file, loaded."""

    name: str
    view: View
    alone: bool
    """Whether it does not go on where the one before ended: a still, or a sequence's first."""


def read_truth(path: Path) -> TruthFile:
    """Read a truth file.

    Raises UsageError, with the line's number, for one that is missing or makes no sense.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not a text file"
        raise UsageError(f"{path}: the truth file cannot be read: {why}") from error
    rows = tuple(_row(f"{path}:{n}", line) for n, line in enumerate(lines, 1) if line.strip())
    if not rows:
        raise UsageError(f"{path}: no picture in the truth file")
    return TruthFile(path, rows)


def _row(where: str, line: str) -> TruthRow:
    try:
        row = TruthRow.model_validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{where}: {key + ': ' if key else ''}{first['msg']}") from error
    if (row.video is None) != (row.frame is None):
        raise UsageError(f"{where}: a frame of a video has both `video` and `frame`")
    h = row.field_from_image
    if h is not None and not (len(h) == 9 and all(map(math.isfinite, h)) and _regular(h)):
        raise UsageError(f"{where}: field_from_image is not nine numbers of a regular matrix")
    try:
        field = load_field(row.field_name, length_m=row.field_length_m, width_m=row.field_width_m)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from error
    if field.sport != row.sport:
        raise UsageError(f"{where}: field {field.name} is for {field.sport}, not for {row.sport}")
    return row


def _regular(h: Sequence[float]) -> bool:
    matrix = np.array(h).reshape(3, 3)
    norm = float(np.linalg.norm(matrix))
    return norm > 0 and abs(float(np.linalg.det(matrix / norm))) > 1e-15


def follows(before: TruthRow, row: TruthRow) -> bool:
    """Whether a row is the frame right after another, of the same video or folder."""
    if row.frame is not None and before.frame is not None:
        same = (before.video, PurePosixPath(before.image).parent) == (
            row.video,
            PurePosixPath(row.image).parent,
        )
        return same and row.frame == before.frame + 1
    if row.frame is not None or before.frame is not None:
        return False
    a, b = _LAST_NUMBER.match(before.image), _LAST_NUMBER.match(row.image)
    if a is None or b is None or a.group(1, 3) != b.group(1, 3):
        return False
    return int(b.group(2)) == int(a.group(2)) + 1


def pictures(file: TruthFile, rows: Sequence[TruthRow]) -> Iterator[Shown]:
    """Load rows of a truth file in their order.

    Raises SourceError for a picture that is missing, unreadable or of another size than its row
    says.
    """
    before: TruthRow | None = None
    with closing(_Loader(file.path.parent)) as loader:
        for row in rows:
            image = loader.load(row)
            height, width = image.shape[:2]
            if (width, height) != (row.width, row.height):
                raise SourceError(
                    f"{row.image}: {width}x{height}, the truth file says {row.width}x{row.height}"
                )
            h = row.field_from_image
            truth = None if h is None else np.array(h).reshape(3, 3)
            view = View(image, truth, (row.field_length_m, row.field_width_m), row.field_name)
            yield Shown(_short(row), view, before is None or not follows(before, row))
            before = row


def _short(row: TruthRow) -> str:
    """The last two parts of a picture's path."""
    return "/".join(PurePosixPath(row.image).parts[-2:])


class _Loader:
    """Reads pictures, and videos forward."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path: Path | None = None
        self._video: VideoFile | None = None
        self._next = 0

    def load(self, row: TruthRow) -> ImageArray:
        if row.frame is None or row.video is None:
            return read_picture(self._folder / row.image)
        beside = self._folder / PurePosixPath(row.image).parent
        path = beside if beside.is_file() else self._folder / row.video
        if self._video is None or path != self._path or row.frame < self._next:
            self.close()
            self._path, self._video, self._next = path, VideoFile(path), 0
        while (found := self._video.read()) is not None:
            self._next = found.index + 1
            if found.index == row.frame:
                return found.image
            if found.index > row.frame:
                break
        raise SourceError(f"{path}: no frame {row.frame} that can be decoded")

    def close(self) -> None:
        if self._video is not None:
            self._video.close()
            self._video = None
