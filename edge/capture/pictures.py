"""Still pictures as a source: one file, or a folder read in natural order."""

from __future__ import annotations

import logging
import re
import stat
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.capture.picture_header import is_cut_off, size_of
from edge.capture.source import Kind, SourceBase, SourceInfo
from edge.capture.uri import PICTURE_SUFFIXES
from edge.errors import SourceError
from edge.native_stderr import DECODERS, quiet_stderr
from edge.types import Frame, ImageArray

log = logging.getLogger(__name__)

MOST_PIXELS = 64_000_000
"""Pixels of a picture: 192 MB decoded. Twice the pixels of 8K, and a phone's 50 megapixels."""
_HARMLESS = re.compile(
    r"libpng warning|\[ ?(WARN|INFO|DEBUG)|Warning: |Unknown Adobe|.*bad ICC marker|> "
)
"""What decoders say of a picture whose pixels are whole: profiles, texts, unknown tags."""
_MOST_BYTES = 1 << 30
"""Size of a picture's file: no picture of so many pixels is larger."""


def read_picture(path: str | Path) -> ImageArray:
    """Read a picture of any depth and channel count as (height, width, 3) uint8 BGR.

    It is turned as its EXIF asks, transparency is dropped, grey becomes three equal channels, 16
    bits are scaled to 8, floats in 0..1 to 0..255. A picture that is damaged in part is read, with
    a warning in the log. Raises SourceError for a file that is missing, empty, cut off, no picture,
    or larger than 64 million pixels; that is told before anything is decoded.
    """
    image, damage = _read(Path(path))
    if damage is not None:
        log.warning("%s", damage)
    return image


def _read(path: Path) -> tuple[ImageArray, str | None]:
    """Read a picture; the text says that it is damaged in part. Raises SourceError."""
    data = _bytes_of(path)
    _check_size(path, data)
    if is_cut_off(data):  # OpenCV would fill the rest with grey
        raise SourceError(f"{path}: the {_kind(data)} is cut off; copy it again")
    try:
        flags = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH
        with quiet_stderr(DECODERS) as heard:
            picture = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise SourceError(f"{path}: damaged picture; copy it again") from error
    if picture is None:
        raise SourceError(
            f"{path}: not a picture that OpenCV reads, or damaged; does a viewer open it?"
        )
    damaged = any(not _HARMLESS.match(line) for line in heard)
    told = f"{path}: the picture is damaged in part; its answer may be wrong; copy it again"
    return to_bgr8(picture), told if damaged else None


def _bytes_of(path: Path) -> bytes:
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise SourceError(f"{path}: not a file; give a picture's file")
        if found.st_size > _MOST_BYTES:
            raise SourceError(f"{path}: larger than 1 GiB, which no picture is; give a picture")
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(
            f"{path}: cannot be read: {(error.strerror or str(error)).lower()}"
        ) from error
    if not data:
        raise SourceError(f"{path}: the file is empty; copy it again")
    return data


def _check_size(path: Path, data: bytes) -> None:
    """Refuse what is no picture or too large to decode; raises SourceError."""
    size = size_of(data)
    if size is None and is_cut_off(data):
        return  # the decoder names the damage
    if size is None:
        raise SourceError(
            f"{path}: not a picture that OpenCV reads, or damaged; does a viewer open it?"
        )
    if size[0] * size[1] > MOST_PIXELS:
        raise SourceError(
            f"{path}: {size[0]}x{size[1]} pixels, and a picture may have {MOST_PIXELS // 10**6}"
            " million; scale it down"
        )


def _kind(data: bytes) -> str:
    return {b"\xff\xd8": "JPEG", b"\x89P": "PNG"}.get(data[:2], "WebP")


def to_bgr8(picture: NDArray[Any]) -> ImageArray:
    """Convert (h, w) or (h, w, 1..4) of uint8, uint16 or float 0..1 to (h, w, 3) uint8 BGR."""
    if picture.dtype == np.uint16:
        picture = cv2.convertScaleAbs(picture, alpha=1 / 257)
    elif picture.dtype != np.uint8:
        picture = (np.clip(np.nan_to_num(picture.astype(np.float32)), 0, 1) * 255 + 0.5).astype(
            np.uint8
        )
    if picture.ndim == 2 or picture.shape[2] == 1:
        picture = cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR)
    elif picture.shape[2] == 4:
        picture = cv2.cvtColor(picture, cv2.COLOR_BGRA2BGR)
    return np.ascontiguousarray(picture, np.uint8)


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sort key that puts `frame2` before `frame10`."""
    parts = re.split(r"(\d+)", name.lower())
    return [(0, int(p), "") if p.isdigit() and p.isascii() else (1, 0, p) for p in parts if p]


def list_pictures(folder: Path) -> list[Path]:
    """List the pictures of a folder in natural order, hidden files left out."""
    found = (
        p for p in folder.iterdir() if p.suffix.lower() in PICTURE_SUFFIXES and p.name[0] != "."
    )
    return sorted((p for p in found if p.is_file()), key=lambda p: (natural_key(p.name), p.name))


class Pictures(SourceBase):
    """The pictures of a folder, or one picture, as frames.

    Without `fps` the frames have no presentation time. An unreadable picture in a folder is counted
    in `corrupt` and skipped; a single one, or a folder with none, raises SourceError. A picture
    that is damaged in part is a frame, and the note says so.
    """

    def __init__(self, path: str | Path, *, fps: float | None = None) -> None:
        if fps is not None and not fps > 0:
            raise SourceError(f"{path}: fps={fps:g}: must be more than 0")
        self._root = Path(path)
        single = not self._root.is_dir()
        self._paths = [self._root] if single else _list_or_explain(self._root)
        self._at = 0
        self._fps = fps
        self._unreadable: SourceError | None = None
        self._damaged = 0
        self._first = self._next_readable()
        if self._first is None:
            raise self._none_readable() from self._unreadable
        height, width = self._first.shape[:2]
        kind: Kind = "picture" if single else "folder"
        super().__init__(
            SourceInfo(str(path), kind, width, height, fps, len(self._paths), live=False)
        )
        self._opened_ns = time.time_ns()

    @property
    def path(self) -> Path:
        """The file of the frame read last."""
        return self._paths[max(0, self._at - 1)]

    def read(self) -> Frame | None:
        """Return the next readable picture, or None at the end."""
        image = self._first if self._first is not None else self._next_readable()
        self._first = None
        if image is None:
            return None
        index = self._at - 1
        pts_s = None if self._fps is None else index / self._fps
        capture_ns = self._opened_ns + int(1e9 * (pts_s or 0.0))
        return Frame(
            image,
            index,
            pts_s,
            capture_ns,
            time.monotonic_ns(),
            clock_source="file",
            name=str(self.path),
        )

    def close(self) -> None:
        """Forget the pictures that were not read; may be called twice."""
        self._at = len(self._paths)
        self._first = None

    def _next_readable(self) -> ImageArray | None:
        while self._at < len(self._paths):
            self._at += 1
            try:
                image, damage = _read(self._paths[self._at - 1])
            except SourceError as error:
                self._corrupt += 1
                self._unreadable = error
                self._note = f"{error} (skipped)"
            else:
                if damage is not None:
                    self._say(damage)
                return image
        return None

    def _say(self, damage: str) -> None:
        """Warn of the first damaged picture; the note counts them where there are more."""
        self._damaged += 1
        if self._damaged == 1:
            log.warning("%s", damage)
        else:
            self._note = f"{damage} ({self._damaged} such pictures)"

    def _none_readable(self) -> SourceError:
        if len(self._paths) == 1 and self._unreadable is not None:
            return self._unreadable
        return SourceError(
            f"{self._root}: none of its {len(self._paths)} pictures can be read;"
            f" the last: {self._unreadable}"
        )


def _list_or_explain(folder: Path) -> list[Path]:
    try:
        pictures = list_pictures(folder)
    except OSError as error:
        raise SourceError(
            f"{folder}: cannot be read: {(error.strerror or str(error)).lower()}"
        ) from error
    if not pictures:
        raise SourceError(
            f"{folder}: no pictures in this folder ({', '.join(sorted(PICTURE_SUFFIXES))})"
        )
    return pictures
