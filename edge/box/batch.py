"""Registering pictures and films one by one; an unreadable one is an answer, not a stop."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_to_bytes

from edge.box.protocols import FrameRegistrar
from edge.capture import FrameSource, list_pictures, open_source, parse_source, read_picture
from edge.capture.uri import SCHEMES
from edge.capture.video import VideoFile
from edge.errors import SourceError
from edge.fields import Field
from edge.publish.messages.record import RegistrationRecord, error_record, record_of
from edge.redaction import redact
from edge.types import Frame, ImageArray, Registration

log = logging.getLogger(__name__)

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")


@dataclass(frozen=True, slots=True)
class PictureAnswer:
    """What became of one picture."""

    name: str
    """The picture's path, or `film.mp4/<number>`, as the file system spells it."""
    record: RegistrationRecord
    image: ImageArray | None = None
    """The picture, or None where it could not be read."""
    registration: Registration | None = None


def local_path(text: str) -> Path:
    """Return the path that a text names: a path as it stands, or a `file://` address.

    Raises SourceError for an address, which it does not show: it may hold a password.
    """
    path = Path(text)
    match = _SCHEME.match(text)
    if match is None or os.path.lexists(path):
        return path
    scheme = match.group(1).lower()
    if scheme == "file":
        rest = text[match.end() :].removeprefix("//").removeprefix("localhost")
        return Path(os.fsdecode(unquote_to_bytes(os.fsencode(rest))))
    if scheme in SCHEMES or text.startswith("//", match.end()):
        raise SourceError(f"an address ({scheme}:…) is no file")
    return path


def expand(paths: Iterable[Path]) -> Iterator[Path]:
    """Replace folders by the pictures in them, in natural order; an empty one stands for itself."""
    for path in paths:
        pictures = list_pictures(path) if path.is_dir() else []
        yield from pictures or [path]


def register_all(
    paths: Iterable[Path],
    registrar: FrameRegistrar,
    field: Field,
    *,
    every: int = 1,
    far_side: bool = False,
) -> Iterator[PictureAnswer]:
    """Register pictures, and every `every`-th frame of films, in the order given.

    `field` is the registrar's; `far_side` turns it by half a turn.

    A film's frames are named `film.mp4/<number>`. What cannot be read gives an answer with an
    error; a film that breaks off gives one after its last good frame.
    """
    describe = _Describer(field, far_side)
    for path in paths:
        registrar.reset()
        try:
            if _is_film(path):
                yield from _film(path, registrar, describe, every)
            else:
                yield _picture(path, registrar, describe)
        except SourceError as error:
            record = error_record(image=str(path), field=field, error=redact(str(error)))
            yield PictureAnswer(str(path), record)


@dataclass(frozen=True, slots=True)
class _Describer:
    """Describes registrations on one field."""

    field: Field
    far_side: bool

    def __call__(
        self, path: Path, image: ImageArray, registration: Registration, frame: Frame | None = None
    ) -> PictureAnswer:
        height, width = image.shape[:2]
        record = record_of(
            registration,
            image=str(path),
            image_size=(width, height),
            field=self.field,
            frame=frame,
            far_side=self.far_side,
        )
        name = str(path) if frame is None else f"{path}/{frame.index}"
        return PictureAnswer(name, record, image, registration)


def _is_film(path: Path) -> bool:
    return parse_source(path).kind == "file"


def _picture(path: Path, registrar: FrameRegistrar, describe: _Describer) -> PictureAnswer:
    if path.is_dir():
        raise SourceError(f"{path}: a folder without pictures")
    image = read_picture(path)
    return describe(path, image, registrar.register(image))


def _film(
    path: Path, registrar: FrameRegistrar, describe: _Describer, every: int
) -> Iterator[PictureAnswer]:
    source = open_source(path)
    try:
        while (frame := source.read()) is not None:
            if frame.index % every:
                continue
            registration = registrar.register(frame.image, pts_s=frame.pts_s)
            yield describe(path, frame.image, registration, frame)
        _say_what_is_missing(path, source)
    finally:
        source.close()


def _say_what_is_missing(path: Path, source: FrameSource) -> None:
    """Warn that a film, read to its end, lacks frames."""
    if source.corrupt:
        log.warning("%s: %d frames are damaged and left out", path, source.corrupt)
    if isinstance(source, VideoFile) and source.cut_off is not None:
        log.warning("%s", source.cut_off)
