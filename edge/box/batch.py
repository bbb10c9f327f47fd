"""Registering pictures and films one by one; an unreadable one is an answer, not a stop."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from edge.box.outputs.json_record import error_record, record
from edge.box.protocols import FrameRegistrar
from edge.capture import list_pictures, open_source, parse_source, read_picture
from edge.capture.uri import SCHEMES
from edge.errors import SourceError
from edge.redaction import redact
from edge.types import ImageArray, Registration

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")


@dataclass(frozen=True, slots=True)
class PictureAnswer:
    """What became of one picture."""

    record: dict[str, Any]
    image: ImageArray | None = None
    """The picture, or None where it could not be read."""
    registration: Registration | None = None

    @property
    def name(self) -> str:
        """Return the picture's name, as it stands in the record."""
        return str(self.record["image"])


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
    paths: Iterable[Path], registrar: FrameRegistrar, sport: str, *, every: int = 1
) -> Iterator[PictureAnswer]:
    """Register pictures, and every `every`-th frame of films, in the order given.

    A film's frames are named `film.mp4/<number>`. What cannot be read gives an answer with an
    error; a film that breaks off gives one after its last good frame.
    """
    for path in paths:
        registrar.reset()
        try:
            if _is_film(path):
                yield from _film(path, registrar, sport, every)
            else:
                yield _picture(path, registrar, sport)
        except SourceError as error:
            yield PictureAnswer(
                error_record(image=str(path), sport=sport, error=redact(str(error)))
            )


def _is_film(path: Path) -> bool:
    return parse_source(path).kind == "file"


def _picture(path: Path, registrar: FrameRegistrar, sport: str) -> PictureAnswer:
    if path.is_dir():
        raise SourceError(f"{path}: a folder without pictures")
    image = read_picture(path)
    registration = registrar.register(image)
    return PictureAnswer(record(registration, image=str(path), sport=sport), image, registration)


def _film(path: Path, registrar: FrameRegistrar, sport: str, every: int) -> Iterator[PictureAnswer]:
    source = open_source(path)
    try:
        while (frame := source.read()) is not None:
            if frame.index % every:
                continue
            registration = registrar.register(frame.image, pts_s=frame.pts_s)
            item = record(registration, image=f"{path}/{frame.index}", sport=sport)
            yield PictureAnswer(item, frame.image, registration)
    finally:
        source.close()
